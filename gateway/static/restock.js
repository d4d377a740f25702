// SPDX-License-Identifier: Apache-2.0
// Puts a form "tell me when it is back" into every element with data-restock. See the documentation.
(() => {
  "use strict";

  const TEXTS = {
    en: {
      title: "Sold out", intro: "We will tell you when it is back.", email: "Email",
      phone: "Mobile number", sms: "Tell me by text message too", send: "Tell me",
      sending: "Sending …", done: "Thank you. You are on the list.", again: "Use another address",
      noEmail: "Enter your email address, such as kim@example.com.",
      noPhone: "Enter your number with its country, such as +46 70 123 45 67.",
      offline: "You are offline. We send it when you are back.",
      later: "There is a lot going on. We try again in a moment.",
      failed: "That did not work. Please try again.",
    },
    sv: {
      title: "Slutsåld", intro: "Vi säger till när den är tillbaka.", email: "E-post",
      phone: "Mobilnummer", sms: "Säg till med sms också", send: "Säg till mig",
      sending: "Skickar …", done: "Tack. Du står på listan.", again: "Använd en annan adress",
      noEmail: "Skriv din e-postadress, till exempel kim@example.com.",
      noPhone: "Skriv ditt nummer med land, till exempel +46 70 123 45 67.",
      offline: "Du är inte uppkopplad. Vi skickar det när du är det igen.",
      later: "Det är mycket just nu. Vi försöker igen om en stund.",
      failed: "Det gick inte. Försök igen.",
    },
  };
  const VARIANT_FIELD = 'form[action*="/cart/add"] [name="id"]';
  const PATIENCE_MS = 15000;
  const MOST_TRIES = 3;
  const host = document.currentScript ? new URL(document.currentScript.src).origin : "";
  let forms = 0;

  // Text is only ever set as text: nothing of the page or of an answer becomes markup.
  const make = (name, attributes, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };

  const fieldValue = (selector) => {
    const fields = [...document.querySelectorAll(selector)];
    const field = fields.find((each) => each.checked) || fields.find((each) => each.type !== "radio");
    return field ? field.value : "";
  };

  const described = () => {
    const meta = document.querySelector('meta[property="product:retailer_item_id"]');
    if (meta) return meta.content;
    for (const script of document.querySelectorAll('script[type="application/ld+json"]')) {
      try {
        const item = [JSON.parse(script.textContent)].flat().find((each) => each && each.sku);
        if (item) return String(item.sku);
      } catch { /* not ours to mend */ }
    }
    return "";
  };

  const externalId = (data) =>
    data.variant || fieldValue(data.variantFrom || VARIANT_FIELD) ||
    new URLSearchParams(location.search).get("variant") || described();

  const variantId = (data) => {
    const id = externalId(data);
    return !id || id.includes(":::") ? id : `${data.integration || "$custom:::$default"}:::${id}`;
  };

  const known = new Set();
  const memory = {
    has(variant) {
      if (known.has(variant)) return true;
      try { return sessionStorage.getItem(`restock ${variant}`) !== null; } catch { return false; }
    },
    add(variant) {
      known.add(variant);
      try { sessionStorage.setItem(`restock ${variant}`, "1"); } catch { /* not allowed */ }
    },
  };

  const payload = (variant, email, phone) => {
    const attributes = phone ? { email, phone_number: phone } : { email };
    return JSON.stringify({
      data: {
        type: "back-in-stock-subscription",
        attributes: {
          channels: phone ? ["EMAIL", "SMS"] : ["EMAIL"],
          profile: { data: { type: "profile", attributes } },
        },
        relationships: { variant: { data: { type: "catalog-variant", id: variant } } },
      },
    });
  };

  const attach = (root) => {
    const data = root.dataset;
    const language = (data.language || document.documentElement.lang || "en").slice(0, 2);
    const texts = { ...(TEXTS[language.toLowerCase()] || TEXTS.en) };
    for (const key of Object.keys(texts)) {
      const own = data[`text${key[0].toUpperCase()}${key.slice(1)}`];
      if (own !== undefined) texts[key] = own;
    }
    const prefix = `restock-${++forms}`;

    const field = (name, label, attributes) => {
      const error = make("span", { class: "restock-error", id: `${prefix}-${name}-error` });
      const input = make("input", { class: "restock-input", id: `${prefix}-${name}`, name,
        "aria-describedby": error.id, ...attributes });
      const caption = make("label", { class: "restock-label", for: input.id }, label);
      const box = make("div", { class: "restock-field" }, caption, input, error);
      return { box, input, error };
    };
    const email = field("email", texts.email,
      { type: "email", autocomplete: "email", required: "", maxlength: "254" });
    const phone = field("phone", texts.phone, { type: "tel", autocomplete: "tel", maxlength: "32" });
    const sms = make("input", { type: "checkbox", name: "sms", id: `${prefix}-sms` });
    const consent = make("div", { class: "restock-consent" },
      sms, make("label", { for: sms.id }, texts.sms));
    // People neither see nor reach it; what fills in every field there is gives itself away.
    const trap = make("input",
      { name: "restock-trap", tabindex: "-1", autocomplete: "off", "aria-hidden": "true" });
    Object.assign(trap.style,
      { position: "absolute", width: "1px", height: "1px", opacity: "0", pointerEvents: "none" });
    const button = make("button", { class: "restock-button", type: "submit" }, texts.send);
    const again = make("button", { class: "restock-again", type: "button" }, texts.again);
    const status = make("p", { class: "restock-status", role: "status", tabindex: "-1" });
    const form = make("form", { class: "restock-form", novalidate: "" },
      make("p", { class: "restock-intro", id: `${prefix}-intro` }, texts.intro), email.box);
    if ((data.channels || "").includes("SMS")) form.append(consent, phone.box);
    form.append(trap, button);
    const title = make("h2", { class: "restock-title", id: `${prefix}-title` }, texts.title);
    const section = make("section",
      { class: "restock", "aria-labelledby": title.id }, title, form, status, again);

    let state = "idle";
    let variant = "";
    let tries = 0;
    let timer = 0;
    let sentFor = "";

    const show = (next, message = "") => {
      state = next;
      section.dataset.state = next;
      const busy = next === "sending";
      button.disabled = busy || next === "later";
      button.textContent = busy ? texts.sending : texts.send;
      form.hidden = next === "done";
      again.hidden = next !== "done";
      phone.box.hidden = !sms.checked;
      status.textContent = message;
    };

    const mark = (where, message) => {
      where.error.textContent = message;
      if (message) where.input.setAttribute("aria-invalid", "true");
      else where.input.removeAttribute("aria-invalid");
    };

    const tell = (name, detail) =>
      root.dispatchEvent(new CustomEvent(`restock:${name}`, { bubbles: true, detail }));

    const stopWaiting = () => {
      clearTimeout(timer);
      removeEventListener("online", send);
    };

    const refuse = (where, message) => {
      show("error");
      mark(where, message);
      where.input.focus();
      tell("error", { reason: where === phone ? "phone" : "email", variant: sentFor });
    };

    const fail = (reason, message) => {
      show(reason, message);
      tell("error", { reason, variant: sentFor });
    };

    const settle = () => {
      if (memory.has(variant)) show("done", texts.done);
      else show("idle");
    };

    const succeed = () => {
      memory.add(sentFor);
      tell("success", { variant: sentFor });
      settle();
      if (sentFor === variant) status.focus();
    };

    const judge = async (response) => {
      if (response.ok) return succeed();
      if ((response.status === 429 || response.status === 503) && ++tries < MOST_TRIES) {
        const seconds = Number(response.headers.get("Retry-After")) || 5;
        fail("later", texts.later);
        timer = setTimeout(send, seconds * 1000);
        return;
      }
      const answer = await response.json().catch(() => ({}));
      const error = (answer.errors || [])[0] || {};
      const pointer = (error.source || {}).pointer || "";
      if (pointer.endsWith("email")) refuse(email, texts.noEmail);
      else if (pointer.endsWith("phone_number")) refuse(phone, texts.noPhone);
      else fail("failed", texts.failed);
    };

    async function send() {
      stopWaiting();
      if (state === "sending") return;
      const url = new URL("/client/back-in-stock-subscriptions", data.host || host);
      url.searchParams.set("company_id", data.companyId || "");
      const number = sms.checked ? phone.input.value.trim() : "";
      const abort = new AbortController();
      const patience = setTimeout(() => abort.abort(), PATIENCE_MS);
      show("sending");
      try {
        const response = await fetch(url, {
          method: "POST", signal: abort.signal, credentials: "omit", referrerPolicy: "no-referrer",
          headers: { "Content-Type": "application/vnd.api+json", revision: data.revision || "2025-01-15" },
          body: payload(sentFor, email.input.value.trim(), number),
        });
        await judge(response);
      } catch {
        if (navigator.onLine) return fail("failed", texts.failed);
        fail("offline", texts.offline);
        addEventListener("online", send);
      } finally {
        clearTimeout(patience);
      }
    }

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (button.disabled) return;
      [email, phone].forEach((each) => mark(each, ""));
      sentFor = variant;
      tries = 0;
      if (trap.value) return show("done", texts.done);
      email.input.value = email.input.value.trim();
      if (!email.input.checkValidity()) return refuse(email, texts.noEmail);
      if (sms.checked && !phone.input.value.trim()) return refuse(phone, texts.noPhone);
      send();
    });
    email.input.addEventListener("input", () => mark(email, ""));
    phone.input.addEventListener("input", () => mark(phone, ""));
    sms.addEventListener("change", () => { phone.box.hidden = !sms.checked; });
    again.addEventListener("click", () => { show("idle"); email.input.value = ""; email.input.focus(); });

    const follow = () => {
      const wanted = variantId(data);
      const hidden = !wanted || !!data.showWhen && !document.querySelector(data.showWhen);
      if (section.hidden !== hidden) section.hidden = hidden;
      if (wanted === variant) return;
      variant = wanted;
      // What is on its way for the other variant is not given up.
      if (!["sending", "later", "offline"].includes(state)) settle();
    };

    section.hidden = true;
    show("idle");
    root.replaceChildren(section);
    follow();
    // A theme may swap parts of the page without any event: whatever changes, look again.
    let due = false;
    const look = () => {
      if (due) return;
      due = true;
      setTimeout(() => { due = false; follow(); }, 50);
    };
    new MutationObserver((changes) => {
      if (changes.some((change) => !root.contains(change.target))) look();
    }).observe(document.documentElement, { subtree: true, childList: true, attributes: true });
    ["change", "input"].forEach((name) => document.addEventListener(name, look));
    addEventListener("popstate", look);
  };

  const begin = () => document.querySelectorAll("[data-restock]").forEach(attach);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
