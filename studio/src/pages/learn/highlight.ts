/** A piece of a line of code and what it is. */
export interface Piece {
  readonly text: string;
  readonly kind: "plain" | "comment" | "string" | "keyword" | "number";
}

const pattern =
  /(?<comment>\/\/.*$|\/\*.*?(?:\*\/|$))|(?<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`)|\b(?<keyword>import|from|export|const|let|function|return|if|else|for|of|in|new|class|extends|readonly|async|await|yield|type|interface|static|private|this|throw|while|as|satisfies|undefined|null|true|false)\b|\b(?<number>\d[\d_.]*(?:e-?\d+)?)\b/g;

/** Cut lines of TypeScript into pieces, coarsely: comments, strings, words of the language, numbers. */
export function highlight(lines: readonly string[]): Piece[][] {
  let inComment = /^\s*\*/.test(lines[0] ?? "");
  return lines.map((line) => {
    if (inComment) {
      const end = line.indexOf("*/");
      if (end < 0) return [{ text: line, kind: "comment" }];
      inComment = false;
      return [{ text: line.slice(0, end + 2), kind: "comment" }, ...pieces(line.slice(end + 2))];
    }
    if (/\/\*(?!.*\*\/)/.test(line.replace(/"[^"]*"/g, ""))) inComment = true;
    return pieces(line);
  });
}

function pieces(line: string): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  for (const match of line.matchAll(pattern)) {
    if (match.index > at) found.push({ text: line.slice(at, match.index), kind: "plain" });
    const kind = (["comment", "string", "keyword", "number"] as const).find((name) => match.groups?.[name] !== undefined)!;
    found.push({ text: match[0], kind });
    at = match.index + match[0].length;
  }
  if (at < line.length) found.push({ text: line.slice(at), kind: "plain" });
  return found;
}
