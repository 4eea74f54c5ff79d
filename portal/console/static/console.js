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
