import { createEffect, createUniqueId, type JSX } from "solid-js";

export interface DialogProps {
  readonly open: boolean;
  readonly title: string;
  /** Told when it is closed, by Escape too. */
  readonly onClose: () => void;
  readonly children: JSX.Element;
}

/** A question or a detail that must be answered or closed before the page goes on. The browser keeps the keyboard inside. */
export function Dialog(props: DialogProps): JSX.Element {
  const id = createUniqueId();
  let dialog!: HTMLDialogElement;
  createEffect(() => {
    if (props.open && !dialog.open) dialog.showModal();
    if (!props.open && dialog.open) dialog.close();
  });
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={() => props.onClose()}>
      <div class="card-head">
        <h2 id={id}>{props.title}</h2>
        <button type="button" class="close" aria-label="Close" onClick={() => dialog.close()}>
          ×
        </button>
      </div>
      {props.children}
    </dialog>
  );
}
