/** Server-sent events (WHATWG HTML, section 9.2) out of text that comes in pieces. Pure. */
export interface ServerSent {
  readonly id: string;
  readonly name: string;
  readonly data: string;
}

export class SseParser {
  private rest = "";

  /** Return the events that are complete with this piece. Comments and `retry` are passed over. */
  feed(piece: string): ServerSent[] {
    const blocks = (this.rest + piece).replaceAll("\r\n", "\n").split("\n\n");
    this.rest = blocks.pop() ?? "";
    return blocks.map(parse).filter((event) => event.data !== "");
  }
}

function parse(block: string): ServerSent {
  let id = "";
  let name = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).replace(/^ /, "");
    const field = line.slice(0, colon);
    if (field === "id") id = value;
    else if (field === "event") name = value;
    else if (field === "data") data.push(value);
  }
  return { id, name, data: data.join("\n") };
}
