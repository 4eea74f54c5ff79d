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
