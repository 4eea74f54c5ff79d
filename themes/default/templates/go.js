(function () {
  var a = document.getElementById('go'), stay = a && a.getAttribute('data-stay');
  if (a) {
    setTimeout(function () {
      if (!stay) { return location.replace(a.href); }
      try { history.replaceState(null, '', stay); } catch (e) { stay = ''; }
      location.href = a.href;
    }, 1500);
  }
})();
