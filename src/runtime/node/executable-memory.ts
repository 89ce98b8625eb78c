import koffi from "koffi";

// Memory that code may run in. It is written first and then made executable, never both at once.

const readWrite = 3;
const readExecute = 5;
const privateAnonymous = 0x22;

interface System {
  readonly handle: unknown;
  map(address: null, bytes: number, protection: number, flags: number, file: number, offset: number): bigint;
  protect(address: bigint, bytes: number, protection: number): number;
  copy(to: bigint, from: Uint8Array, bytes: number): bigint;
}

let system: System | undefined;

function open(): System {
  if (system !== undefined) return system;
  const handle = koffi.load("libc.so.6");
  system = {
    handle,
    map: handle.func("mmap", "void *", ["void *", "size_t", "int", "int", "int", "int64_t"]),
    protect: handle.func("mprotect", "int", ["void *", "size_t", "int"]),
    copy: handle.func("memcpy", "void *", ["void *", "void *", "size_t"]),
  };
  return system;
}

/**
 * Put code into memory of its own and make it executable; it stays until the process ends.
 * @param place gets the address that the code will have, and returns its bytes
 * @returns the address, or 0n where the system does not allow it
 */
export function placeCode(bytes: number, place: (address: bigint) => Uint8Array): bigint {
  const { map, protect, copy } = open();
  const address = map(null, bytes, readWrite, privateAnonymous, -1, 0);
  if (address === 0n || address >= 0xffff_ffff_ffff_f000n) return 0n;
  copy(address, place(address), bytes);
  return protect(address, bytes, readExecute) === 0 ? address : 0n;
}
