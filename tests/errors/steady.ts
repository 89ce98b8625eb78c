/** An error's text with the caller's line reduced to its file. */
export function steady(message: string): string {
  return message.replace(/where: .*?([\w.-]+):\d+:\d+\)?/, "where:    $1");
}
