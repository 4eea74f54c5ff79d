/* Everything works without this. "/" goes to the search box; an open menu closes on Escape or a click elsewhere. */
addEventListener("keydown", function (event) {
  var field = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !field && !event.ctrlKey && !event.metaKey) {
    var find = document.getElementById("find");
    if (find) { event.preventDefault(); find.focus(); find.select(); }
  }
  if (event.key === "Escape") close();
});
addEventListener("click", function (event) {
  if (!event.target.closest(".menu")) close();
});
function close() {
  var open = document.querySelector(".menu[open]");
  if (open) { open.removeAttribute("open"); open.querySelector("summary").focus(); }
}
/* Buttons that copy a text are there only where they work. */
Array.prototype.forEach.call(document.querySelectorAll("[data-copy]"), function (button) {
  var text = document.getElementById(button.getAttribute("data-copy"));
  button.hidden = false;
  button.addEventListener("click", function () {
    function done() { button.textContent = "Copied"; setTimeout(function () { button.textContent = "Copy"; }, 2000); }
    function select() { getSelection().selectAllChildren(text); if (document.execCommand("copy")) done(); }
    if (navigator.clipboard) navigator.clipboard.writeText(text.textContent).then(done, select); else select();
  });
});
