// The alarm ticker: what passed by, filtered; a click plays what was recorded then.

import { get } from "./api.js";
import { clock, element, find } from "./element.js";
import { playAlarm } from "./recorded.js";

let alarms = [];
let drawn = "";

// `place(alarm)` names where it was.
export async function refreshAlarms(place) {
  alarms = (await get("alarms")).alarms;
  drawAlarms(place);
}

export function drawAlarms(place) {
  const wanted = find("alarms-filter").value.trim().toLowerCase();
  const raised = find("alarms-raised").checked;
  const seen = alarms.filter((alarm) => (alarm.raised || !raised)
    && `${alarm.type} ${alarm.severity} ${place(alarm)}`.toLowerCase().includes(wanted));
  find("alarms-note").hidden = seen.length > 0;
  find("alarms-note").textContent = alarms.length ? "None that fits." : "None so far.";
  const now = JSON.stringify(seen);
  if (now === drawn) return; // redrawing would take the focus away
  drawn = now;
  const focused = document.activeElement?.dataset?.alarm;
  find("alarms").replaceChildren(...seen.map((alarm) => entry(alarm, place)));
  if (focused) find("alarms").querySelector(`[data-alarm="${CSS.escape(focused)}"]`)?.focus();
}

function entry(alarm, place) {
  const at = new Date(alarm.at);
  const button = element("button",
    { type: "button", className: alarm.raised ? "alarm" : "alarm over", title: "Play what was recorded then", dataset: { alarm: alarm.id } },
    element("span", { textContent: `${alarm.type}${alarm.raised ? "" : " over"} · ${place(alarm)}` }),
    element("small", { textContent: clock.format(at) }));
  button.dataset.severity = alarm.severity;
  button.addEventListener("click", async () => {
    find("alarms-said").textContent = "";
    try {
      await playAlarm({ device: alarm.device, channel: alarm.channel ?? 0 }, at.getTime());
    } catch (error) {
      find("alarms-said").textContent = error.message;
    }
  });
  return element("li", {}, button);
}
