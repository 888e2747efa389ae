// Look at a camera, move it, save a picture, and wait for its next alarm.
//
//     npm install
//     node gate.mjs [DEVICE]
//
// NATS_URL says where NATS is. Requests go out as JSON, and Cambus answers in kind; events are msgpack or JSON, as their
// publisher likes: here only their subjects and their JSON are looked at, see @msgpack/msgpack for the other.

import { writeFile } from "node:fs/promises";
import { connect, headers } from "@nats-io/transport-node";
import { Objm } from "@nats-io/obj";

const device = process.argv[2] ?? "gate";
const nc = await connect({ servers: process.env.NATS_URL ?? "nats://127.0.0.1:4222", inboxPrefix: "_INBOX.client" });

async function command(noun, verb, request = {}, timeout = 10_000) {
  const sent = headers();
  sent.set("Content-Type", "application/json");
  sent.set("Cambus-Deadline-Ms", String(timeout));
  const answer = await nc.request(`cambus.v1.cmd.${device}.${noun}.${verb}`, JSON.stringify(request), {
    headers: sent,
    timeout: timeout + 250,
  });
  const reply = answer.json();
  if (answer.headers?.get("Nats-Service-Error-Code")) {
    throw Object.assign(new Error(reply.text), reply);
  }
  return reply;
}

try {
  const info = await command("device", "info");
  console.log(`${device}: ${info.vendor ?? ""} ${info.model ?? ""}`);

  try {
    await command("ptz", "move", { channel: 0, pan: 0.5, duration_s: 0.5 });
    console.log("it moves");
  } catch (error) {
    if (error.code !== 501) throw error;
    console.log("it cannot move");
  }

  const picture = await command("snapshot", "take", { channel: 0 }, 20_000);
  const store = await new Objm(nc).open(picture.bucket);
  const bytes = await store.getBlob(picture.object);
  await writeFile(`${device}.jpg`, bytes);
  console.log(`picture: ${device}.jpg, ${bytes.length} bytes`);

  const alarms = nc.subscribe(`cambus.v1.evt.${device}.alarm.raised`, { max: 1 });
  console.log("waiting for an alarm");
  for await (const message of alarms) {
    console.log(`alarm: ${message.subject}`);
  }
} catch (error) {
  console.error(`${error.code ?? ""} ${error.reason ?? ""}: ${error.message}`);
  process.exitCode = 1;
} finally {
  await nc.close();
}
