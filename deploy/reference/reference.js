"use strict";

// What makes the API reference handier. The page is complete without.

function addFilter(menu) {
  const input = menu.querySelector("#page-filter");
  const noMatch = menu.querySelector(".no-match");
  input.closest(".filter").hidden = false;
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const link of menu.querySelectorAll("[data-words]")) {
      const text = link.dataset.words.toLowerCase();
      const isMatch = words.every((word) => text.includes(word));
      link.parentElement.hidden = !isMatch;
      if (isMatch) found += 1;
    }
    for (const group of menu.querySelectorAll(".group")) {
      group.hidden = !group.querySelector("li:not([hidden])");
    }
    noMatch.textContent = found ? "" : "Nothing matches.";
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, textarea");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (getComputedStyle(menu).display === "none") menu.showPopover();
    input.focus();
  });
}

function closeMenuOnUse(menu) {
  if (!menu.hidePopover) return;
  menu.addEventListener("click", (event) => {
    if (event.target.closest("a") && menu.matches(":popover-open")) menu.hidePopover();
  });
}

// Marks in the menu what is being read.
function followReading(menu) {
  const links = new Map();
  for (const link of menu.querySelectorAll("a")) {
    const target = document.getElementById(link.hash.slice(1));
    if (target) links.set(target, link);
  }
  const visible = new Set();
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) visible.add(entry.target);
      else visible.delete(entry.target);
    }
    // An operation is inside of its tag: the last in the order of the page is the innermost.
    const current = [...links.keys()].filter((target) => visible.has(target)).pop();
    for (const [target, link] of links) {
      if (target === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    if (current) links.get(current).scrollIntoView({ block: "nearest" });
  }, { rootMargin: "-20% 0px -79% 0px" });
  for (const target of links.keys()) observer.observe(target);
}

function addCopyButtons() {
  // Browsers have a clipboard on secure origins and on localhost only.
  if (!navigator.clipboard) return;
  for (const figure of document.querySelectorAll("figure.code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(figure.querySelector("code").textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not allowed";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    figure.querySelector("figcaption").append(button);
  }
}

// On paper nothing can be unfolded. Errors stay folded: their codes can be seen all the same.
function unfoldForPrint() {
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open], .error)")];
    for (const details of folded) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of folded) details.open = false;
  });
}

const menu = document.getElementById("page-menu");
addFilter(menu);
closeMenuOnUse(menu);
followReading(menu);
addCopyButtons();
unfoldForPrint();
