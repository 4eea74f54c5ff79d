/* Everything works without this. "/" goes to the search box; an open menu closes on Escape, or when one goes elsewhere. */
addEventListener("keydown", function (event) {
  var field = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !field && !event.ctrlKey && !event.metaKey && !event.altKey) {
    var find = document.getElementById("find");
    if (find) { event.preventDefault(); find.focus(); find.select(); }
  }
  if (event.key === "Escape" && close()) document.querySelector(".menu summary").focus();
});
addEventListener("click", elsewhere);
addEventListener("focusin", elsewhere);
function elsewhere(event) {
  if (!event.target.closest || !event.target.closest(".menu")) close();
}
function close() {
  var open = document.querySelector(".menu[open]");
  if (open) open.removeAttribute("open");
  return open;
}
/* A form with a preview shows in its frame what it would come to, a moment after the last change. */
document.querySelectorAll("[data-preview]").forEach(function (button) {
  var timer;
  button.form.addEventListener("input", function () {
    clearTimeout(timer);
    timer = setTimeout(function () { button.click(); }, 300);
  });
});
/* Two fields for one colour: the picker and the text follow each other. */
document.querySelectorAll("input[type=color][data-of]").forEach(function (picker) {
  var text = document.getElementById(picker.dataset.of);
  picker.hidden = false;
  picker.addEventListener("input", function () { text.value = picker.value; });
  text.addEventListener("input", function () { if (/^#[0-9a-f]{6}$/i.test(text.value)) picker.value = text.value; });
});
document.querySelectorAll("[data-colour]").forEach(function (sample) {
  sample.addEventListener("click", function () {
    var text = document.getElementById("accent");
    text.value = sample.dataset.colour;
    text.dispatchEvent(new Event("input", { bubbles: true }));
  });
});
/* Buttons that copy a text are there only where they work. */
Array.prototype.forEach.call(document.querySelectorAll("[data-copy]"), function (button) {
  var text = document.getElementById(button.getAttribute("data-copy"));
  button.hidden = false;
  button.addEventListener("click", function () {
    function done() { button.textContent = "Copied"; setTimeout(function () { button.textContent = "Copy"; }, 2000); }
    function select() { if (text.select) text.select(); else getSelection().selectAllChildren(text); if (document.execCommand("copy")) done(); }
    if (navigator.clipboard) navigator.clipboard.writeText(text.value || text.textContent).then(done, select); else select();
  });
});
/* So are those that print. */
Array.prototype.forEach.call(document.querySelectorAll("[data-print]"), function (button) {
  button.hidden = false;
  button.addEventListener("click", function () { window.print(); });
});
/* htmx writes the address of the page into the browser's storage; nothing is kept there. */
try { sessionStorage.clear(); } catch (off) { /* then there is nothing to clear */ }
