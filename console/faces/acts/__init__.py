"""An operation in the browser: form, preview, confirmation, accepted change."""
