// Draws the OpenAPI description as a page, and sends GET requests from it. Every text goes in as text, never as markup.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];

function node(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const code = (text) => node("code", {}, text);

function words(text) {
  // Backticks in descriptions become code; the rest stays as it is.
  const span = node("span");
  String(text ?? "").split(/`([^`]+)`/).forEach((part, place) => span.append(place % 2 ? code(part) : part));
  return span;
}

function shapes(description) {
  const known = description.components?.schemas ?? {};
  const nameOf = (schema) => schema?.$ref?.split("/").pop();
  const resolved = (schema) => (schema?.$ref ? known[nameOf(schema)] : schema) ?? {};

  function brief(schema) {
    if (!schema) return "anything";
    if (schema.$ref) return nameOf(schema);
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    if (schema.enum) return schema.enum.map((word) => JSON.stringify(word)).join(" | ");
    const several = schema.anyOf ?? schema.oneOf;
    if (several) return several.map(brief).join(" | ");
    if (schema.prefixItems) return `[${schema.prefixItems.map(brief).join(", ")}]`;
    if (schema.type === "array") return `[${brief(schema.items)}]`;
    if (schema.additionalProperties && schema.additionalProperties !== true) return `{name: ${brief(schema.additionalProperties)}}`;
    return schema.format ? `${schema.type} (${schema.format})` : (schema.type ?? "anything");
  }

  function inner(schema) {
    // The object inside a reference, a list or a choice, where there is exactly one.
    if (!schema) return null;
    if (schema.$ref) return inner(resolved(schema));
    if (schema.properties) return schema;
    if (schema.type === "array") return inner(schema.items);
    const objects = (schema.anyOf ?? schema.oneOf ?? []).map(inner).filter(Boolean);
    return objects.length ? objects[0] : null;
  }

  function tree(schema, depth = 0) {
    const object = inner(schema);
    if (!object || depth > 5) return null;
    const list = node("ul", { class: "shape" });
    for (const [name, property] of Object.entries(object.properties)) {
      const optional = object.required?.includes(name) ? "" : "?";
      const line = [node("b", { class: "mono" }, name + optional), " ", node("span", { class: "faint mono" }, brief(property))];
      const note = property.description ?? "";
      const below = inner(property);
      if (!below) {
        list.append(node("li", {}, ...line, note ? " – " : "", note ? words(note) : null));
        continue;
      }
      const fold = node("details", {}, node("summary", {}, ...line));
      fold.addEventListener("toggle", () => { if (fold.open && fold.childElementCount === 1) fold.append(tree(property, depth + 1) ?? ""); });
      list.append(node("li", {}, fold));
    }
    return list;
  }

  return { brief, tree };
}

function parametersOf(operation) {
  if (!operation.parameters?.length) return null;
  const rows = operation.parameters.map((parameter) =>
    node("tr", {}, node("td", {}, code(parameter.name)), node("td", {}, parameter.in + (parameter.required ? ", required" : "")),
      node("td", { class: "mono" }, operation.brief(parameter.schema)), node("td", {}, words(parameter.description ?? ""))));
  return node("table", {}, node("tr", {}, ...["Parameter", "In", "Is", "Means"].map((head) => node("th", {}, head))), ...rows);
}

function tryIt(path, operation) {
  const form = node("form");
  const fields = (operation.parameters ?? []).filter((parameter) => parameter.in !== "header").map((parameter) => {
    const input = node("input", { name: parameter.name, autocomplete: "off", ...(parameter.required ? { required: "" } : {}) });
    form.append(node("label", { class: "mono" }, parameter.name), input);
    input.setAttribute("aria-label", parameter.name);
    return { parameter, input };
  });
  const out = node("div", { class: "answer" });
  form.append(node("button", { type: "submit" }, "Send"));
  form.addEventListener("submit", async (submitted) => {
    submitted.preventDefault();
    let target = path;
    const query = new URLSearchParams();
    for (const { parameter, input } of fields) {
      if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (input.value !== "") query.append(parameter.name, input.value);
    }
    const address = query.size ? `${target}?${query}` : target;
    out.replaceChildren(node("p", { class: "faint" }, `GET ${address} …`));
    const began = performance.now();
    try {
      const response = await fetch(address, { headers: { Accept: "application/json" } });
      const text = await response.text();
      let shown = text;
      try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: shown as it came */ }
      const took = Math.round(performance.now() - began);
      const tag = response.headers.get("ETag");
      const cut = shown.length > 60000 ? `${shown.slice(0, 60000)}\n… ${shown.length - 60000} characters more` : shown;
      out.replaceChildren(
        node("p", { class: "mono" }, `${response.status} ${response.statusText} · ${took} ms · ${text.length} characters${tag ? ` · ETag ${tag}` : ""}`),
        node("pre", {}, cut));
    } catch (error) {
      out.replaceChildren(node("p", {}, `No answer: ${error.message}`));
    }
  });
  return node("div", {}, node("h3", {}, "Try it"), form, out);
}

function route(path, method, operation, { brief, tree }) {
  operation.brief = brief;
  const body = node("div");
  const fold = node("details", { class: "route", id: operation.operationId },
    node("summary", {},
      node("span", { class: `method mono ${method}` }, method.toUpperCase()), node("span", { class: "mono" }, path),
      node("span", { class: "first" }, operation.summary ?? ""), node("span", { class: "role" }, operation["x-role"] ?? "")),
    body);
  fold.addEventListener("toggle", () => {
    if (!fold.open || body.childElementCount) return;
    body.append(node("p", {}, words(operation.description ?? "")));
    body.append(parametersOf(operation) ?? "");
    if (method === "get" && !operation.responses?.["200"]?.content?.["text/event-stream"]) body.append(tryIt(path, operation));
    const asked = operation.requestBody?.content?.["application/json"]?.schema;
    if (asked) body.append(node("h3", {}, "Body ", node("span", { class: "faint mono" }, brief(asked))), tree(asked) ?? "");
    for (const [status, answer] of Object.entries(operation.responses ?? {})) {
      const [media, content] = Object.entries(answer.content ?? {})[0] ?? [];
      const name = status === "default" ? "Any error" : status;
      body.append(node("h3", {}, `${name} `, node("span", { class: "faint mono" }, content?.schema ? brief(content.schema) : (media ?? "no body"))));
      const drawn = content?.schema && tree(content.schema);
      if (drawn) body.append(drawn);
    }
  });
  return fold;
}

function draw(description) {
  document.getElementById("about").append(
    words(`${description.info.title} ${description.info.version}. ${description.info.summary ?? ""} Errors are problem+json; the conventions are in `),
    node("a", { href: "/docs/reference/api" }, "the manual"), ".");
  const drawing = shapes(description);
  const holder = document.getElementById("routes");
  holder.replaceChildren();
  const drawn = [];
  for (const tag of description.tags ?? []) {
    const section = node("section", {}, node("h2", { id: tag.name }, tag.name), node("p", {}, tag.description ?? ""));
    for (const [path, operations] of Object.entries(description.paths))
      for (const method of METHODS)
        if (operations[method]?.tags?.includes(tag.name)) {
          const fold = route(path, method, operations[method], drawing);
          drawn.push({ fold, section, text: `${method} ${path} ${JSON.stringify(operations[method])}`.toLowerCase() });
          section.append(fold);
        }
    holder.append(section);
  }
  document.getElementById("search").addEventListener("input", (typed) => {
    const wanted = typed.target.value.trim().toLowerCase();
    for (const { fold, text } of drawn) fold.hidden = !text.includes(wanted);
    for (const section of holder.children) section.hidden = !drawn.some((one) => one.section === section && !one.fold.hidden);
  });
  const linked = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (linked?.tagName === "DETAILS") { linked.open = true; linked.scrollIntoView(); }
}

fetch("/openapi.json")
  .then((response) => (response.ok ? response.json() : Promise.reject(new Error(`status ${response.status}`))))
  .then(draw)
  .catch((error) => document.getElementById("routes").replaceChildren(`The description could not be read: ${error.message}`));
