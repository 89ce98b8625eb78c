/** Chats as text: `import { ChatTemplate } from "atelier/tokenizers/chat"`. */
export {
  type ChatMessage,
  ChatTemplate,
  type ChatTemplateOptions,
  type MarkedChat,
  plainChatTemplate,
  type RenderOptions,
} from "./template.ts";
