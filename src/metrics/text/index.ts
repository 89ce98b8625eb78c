export { bitsPerByte, bitsPerCharacter, characterCount, perplexity, utf8Bytes } from "./perplexity.ts";
