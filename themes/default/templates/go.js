(function () {
  var a = document.getElementById('go');
  if (a) { setTimeout(function () { location.replace(a.href); }, 1500); }
})();
