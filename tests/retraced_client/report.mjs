// Reports random events with the client of Retraced as it is published, which throws where a receipt
// is not what it expects: `node report.mjs SETTINGS RESULT`, two files of JSON. Writes what was sent,
// with the ids that the client gave for it.
import fs from "node:fs";
import retraced from "@retracedhq/retraced";

const settings = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));

// The same events in every run. Mulberry32.
let state = settings.seed;
function random(limit) {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
}
const oneOf = (values) => values[random(values.length)];
const maybe = (make) => (random(3) === 0 ? undefined : make());

// What the hash gives a meaning to, what JSON escapes, and all of Unicode but what JSONB cannot hold.
const PIECES = [..."%:;=&?/\\\"'{}[]<> \t\n", "%25", "%3A", "é", "ß", "漢字", "🦜", "👩‍👩‍👧", "\u200f", "\u0301",
  "\uffff", "\u{10ffff}", "\u007f", "\u2028", "a", "B", "7", "null", "=;", "::"];
const text = (most = 12) => Array.from({ length: 1 + random(most) }, () => oneOf(PIECES)).join("");
const map = () => Object.fromEntries(
  Array.from({ length: random(5) }, () => [text(4), random(6) === 0 ? "" : text()]));

function event() {
  return {
    action: text(),
    crud: maybe(() => oneOf(["c", "r", "u", "d"])),
    group: maybe(() => ({ id: oneOf(settings.groups), name: maybe(text) })),
    actor: maybe(() => ({ id: text(), name: maybe(text), href: maybe(text),
                          fields: maybe(() => ({ ...map(), ...maybe(() => ({ type: text(3) })) })) })),
    target: maybe(() => ({ id: text(), name: maybe(text), type: maybe(text), href: maybe(text),
                           fields: maybe(map) })),
    created: maybe(() => new Date(random(2 ** 31) * 1000 + random(1000))),
    source_ip: maybe(() => oneOf(["192.0.2.17", "2001:DB8:0::1", "::ffff:192.0.2.1"])),
    description: maybe(() => text(60)),
    is_failure: maybe(() => random(2) === 1),
    is_anonymous: maybe(() => random(2) === 1),
    fields: maybe(map),
    external_id: maybe(text),
    metadata: maybe(map),
  };
}

const clientWith = (values) => new retraced.Client({
  apiKey: settings.key, projectId: settings.project, endpoint: settings.endpoint, ...values });
const clients = [clientWith({}), clientWith({ component: "certifai", version: "v1:2%3" })];

const sent = [];
const keep = (client, id, reported) =>
  sent.push({ id, event: JSON.parse(JSON.stringify(client.mapping(reported))) });

for (let left = settings.single; left > 0; --left) {
  const client = oneOf(clients);
  const reported = event();
  keep(client, await client.reportEvent(reported), reported);
}
for (let left = settings.bulks; left > 0; --left) {
  const client = oneOf(clients);
  const reported = Array.from({ length: 50 }, event);
  const ids = await client.reportEvents(reported);
  ids.forEach((id, index) => keep(client, id, reported[index]));
}

// What the client makes of refusals.
const messageOf = async (report) => {
  try {
    await report();
    return "";
  } catch (error) {
    return error.message;
  }
};
const stranger = clientWith({ apiKey: `${settings.key.slice(0, -4)}AAAA` });
const bad = [event(), { ...event(), source_ip: "nowhere" }, { ...event(), action: "" }];
const refusals = {
  token: await messageOf(() => stranger.reportEvent(event())),
  tokenOfMany: await messageOf(() => stranger.reportEvents([event()])),
  batch: await messageOf(() => clients[0].reportEvents(bad)),
  tooMany: await messageOf(() => clients[0].reportEvents(Array.from({ length: 51 }, event))),
};
fs.writeFileSync(process.argv[3], JSON.stringify({ sent, refusals }));
