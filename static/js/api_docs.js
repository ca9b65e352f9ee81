// The page to try the REST API: as the person who is logged in, or with a token ("Authorize").
(function () {
  "use strict";
  const main = document.getElementById("api-docs");
  window.SwaggerUIBundle({
    url: main.dataset.schema,
    domNode: main,
    presets: [window.SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    deepLinking: true,
    // Nothing leaves this machine: no badge of a validator somewhere else.
    validatorUrl: null,
    requestInterceptor(request) {
      if (!["GET", "HEAD", undefined].includes(request.method)) {
        request.headers["X-CSRFToken"] = main.dataset.csrf;
      }
      return request;
    },
  });
})();
