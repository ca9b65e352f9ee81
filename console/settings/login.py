"""Settings of sign-in: a second factor, and an OpenID Connect identity provider."""

from __future__ import annotations

from typing import Any

from console.settings.env import env_bool, env_str

# --- Passwords ---
#: How long a link to set a password is valid, in seconds (accessctl.people.first_password).
PASSWORD_RESET_TIMEOUT = 24 * 3600

# --- A second factor: codes of an authenticator app, and recovery codes ---
MFA_ADAPTER = "accessctl.people.adapters.SealedMfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "accessctl.people.second_factor.SignInCodeForm",
    "reauthenticate": "accessctl.people.second_factor.ConfirmCodeForm",
    "activate_totp": "accessctl.people.second_factor.ActivateForm",
}
MFA_TOTP_ISSUER = "Warren"
MFA_ALLOW_UNVERIFIED_EMAIL = True
#: Superusers must set one up first.
REQUIRE_MFA = env_bool("CONSOLE_REQUIRE_MFA", False)

# --- OpenID Connect: off unless an issuer is set ---
OIDC_ISSUER = env_str("CONSOLE_OIDC_ISSUER")
OIDC_NAME = env_str("CONSOLE_OIDC_NAME", "single sign-on") if OIDC_ISSUER else ""
#: The claim that lists groups. Groups that exist here with the same name become the person's.
#: Empty: groups stay unchanged.
OIDC_GROUPS_CLAIM = env_str("CONSOLE_OIDC_GROUPS_CLAIM")
SOCIALACCOUNT_ADAPTER = "accessctl.people.adapters.SingleSignOnAdapter"
SOCIALACCOUNT_AUTO_SIGNUP = True
# The form policy of our pages blocks redirects to other sites, so sign-in starts with a link. The
# state in the link protects the way back.
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = (
    {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "sso",
                    "name": OIDC_NAME,
                    "client_id": env_str("CONSOLE_OIDC_CLIENT_ID"),
                    "secret": env_str("CONSOLE_OIDC_CLIENT_SECRET"),
                    "settings": {"server_url": OIDC_ISSUER},
                }
            ],
        }
    }
    if OIDC_ISSUER
    else {}
)
