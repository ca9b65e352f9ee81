// The code behind the # of the link goes into its field, and out of the address and the history.

const field = document.querySelector("[data-code]");
const code = decodeURIComponent(location.hash.slice(1));
if (field && code) {
  field.value = code;
  history.replaceState(null, "", location.pathname);
  document.querySelector("[name=password1]")?.focus();
}
