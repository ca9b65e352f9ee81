"""One act in the browser: form, preview, confirmation, accepted change."""
