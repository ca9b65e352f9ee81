// The form of a broker: says, while it is filled in, what follows from it. Saves and decides nothing.
document.addEventListener("alpine:init", () => {
  Alpine.data("brokerForm", () => ({
    isPlain: false,
    isMoved: false,
    isUnverified: false,

    init() {
      this.look();
    },

    look() {
      const form = this.$root;
      const field = (name) => form.elements[name];
      const url = parsed(field("management_url").value);
      this.isPlain = url?.protocol === "http:" && !isLocal(url.hostname);
      this.isUnverified = !field("tls_verify").checked;
      const before = form.dataset;
      this.isMoved =
        before.hasPassword === "1" &&
        field("password").value === "" &&
        (isElsewhere(field, before) ||
          field("amqp_url").value.trim() !== before.amqp ||
          field("tls_verify").checked !== (before.verify === "1") ||
          field("tls_ca_pem").value !== field("tls_ca_pem").defaultValue ||
          field("tls_ca_file").value !== "" ||
          field("tls_server_name").value.trim() !== before.serverName);
    },
  }));
});

// Whether one of the management URLs is none of those before: credentials would go to a new server.
function isElsewhere(field, before) {
  const known = [before.url, ...before.others.split("\n")].map((text) => place(parsed(text)));
  const typed = [field("management_url").value, ...field("other_urls").value.split("\n").filter((line) => line.trim())];
  return typed.some((text) => !known.includes(place(parsed(text))));
}

function parsed(text) {
  try {
    return new URL(text.trim());
  } catch {
    return null;
  }
}

// As the registry compares it: the path prefix counts, a trailing slash or /api does not.
function place(url) {
  if (!url) return "";
  const port = url.port || (url.protocol === "https:" ? 443 : 80);
  const prefix = url.pathname.replace(/\/+$/, "").replace(/\/api$/, "");
  return `${url.protocol}//${url.hostname}:${port}${prefix}`;
}

function isLocal(host) {
  return host === "localhost" || host === "[::1]" || host.startsWith("127.");
}
