/** Times as this person reads them, in their own time zone. */

import { element } from "./dom.js";

const LANGUAGE = navigator.languages.find((language) => /^en\b/.test(language)) ?? "en-GB";
const TIME = new Intl.DateTimeFormat(LANGUAGE, { timeStyle: "medium" });
const DATE = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium" });
const MOMENT = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeStyle: "short" });
const WEEKDAY = new Intl.DateTimeFormat(LANGUAGE, {
  weekday: "long",
  day: "numeric",
  month: "long",
  year: "numeric",
});

/** 14:03:05 */
export function clockTime(text) {
  return element("time", { datetime: text }, TIME.format(new Date(text)));
}

/** 2 Jan 2026 */
export function date(text) {
  return element("time", { datetime: text }, DATE.format(new Date(text)));
}

/** 2 Jan 2026, 14:03 */
export function moment(text) {
  return element("time", { datetime: text }, MOMENT.format(new Date(text)));
}

/** Today, Yesterday, Friday 2 January 2026 */
export function dayName(text, now = new Date()) {
  const day = new Date(text);
  const yesterday = new Date(now);
  yesterday.setDate(now.getDate() - 1);
  if (day.toDateString() === now.toDateString()) return "Today";
  if (day.toDateString() === yesterday.toDateString()) return "Yesterday";
  return WEEKDAY.format(day);
}
