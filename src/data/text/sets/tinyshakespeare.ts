import { FileError } from "../../../core/errors.ts";
import { splitTail } from "../text-set.ts";
import { defineText, utf8 } from "./parts.ts";

/** Plays, as one text. */
export const tinyShakespeare = defineText({
  card: {
    name: "tinyshakespeare",
    title: "Tiny Shakespeare",
    summary: "40,000 lines of Shakespeare's plays, 1,115,394 characters of 65 kinds: the text on which small language models are compared.",
    source: "Shakespeare; collected by Karpathy for char-rnn, 2015",
    licence: "public domain (text)",
    download: {
      url: "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
      sha256: "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
      bytes: 1_115_394,
    },
    version: 1,
    kind: "documents",
    splitNote:
      "As others have it: the first 90% of the characters for training, the rest held out. The end is another play's, so held-out loss is of new scenes.",
    bias: "English of 1600 in verse; names in capitals before each speech.",
  },
  prepare() {
    let text: string | undefined;
    return {
      wanted: () => true,
      add(path, bytes) {
        text = utf8(bytes, path);
      },
      finish() {
        if (text === undefined) throw new FileError({ what: "The text was not fetched." });
        return splitTail("tinyshakespeare", text, { lines: false });
      },
    };
  },
});
