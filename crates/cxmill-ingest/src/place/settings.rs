//! Settings of stores: which keys there are, and which variables of the environment may carry credentials.

use std::collections::BTreeMap;

use super::Environment;

/// What one kind of store can be told.
pub(super) struct Kind {
    /// Its name in `stores:`.
    pub(super) scheme: &'static str,
    /// Keys people use, for suggestions; the store's own names are taken too.
    keys: &'static [&'static str],
    /// Other names for a key.
    aliases: &'static [(&'static str, &'static str)],
    /// Keys that carry a secret and are therefore refused in settings.
    secrets: &'static [&'static str],
    /// Variables of the environment, each with the key it sets.
    variables: &'static [(&'static str, &'static str)],
}

/// Keys of the HTTP client below every remote store.
const CLIENT: &[&str] =
    &["allow_http", "allow_invalid_certificates", "connect_timeout", "proxy_url", "timeout", "user_agent"];

pub(super) const S3: Kind = Kind {
    scheme: "s3",
    keys: &[
        "checksum_algorithm",
        "conditional_put",
        "endpoint",
        "region",
        "request_payer",
        "role_arn",
        "server_side_encryption",
        "skip_signature",
        "sse_kms_key_id",
        "unsigned_payload",
        "virtual_hosted_style_request",
    ],
    aliases: &[],
    secrets: &["access_key_id", "secret_access_key", "session_token", "token", "sse_customer_key_base64"],
    variables: &[
        ("AWS_REGION", "region"),
        ("AWS_DEFAULT_REGION", "default_region"),
        ("AWS_ENDPOINT_URL", "endpoint"),
        ("AWS_ENDPOINT_URL_S3", "aws_endpoint_url_s3"),
        ("AWS_ENDPOINT_URL_STS", "endpoint_url_sts"),
        ("AWS_ALLOW_HTTP", "allow_http"),
        ("AWS_ACCESS_KEY_ID", "access_key_id"),
        ("AWS_SECRET_ACCESS_KEY", "secret_access_key"),
        ("AWS_SESSION_TOKEN", "session_token"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file"),
        ("AWS_ROLE_ARN", "role_arn"),
        ("AWS_ROLE_SESSION_NAME", "role_session_name"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "container_credentials_relative_uri"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "container_credentials_full_uri"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "container_authorization_token_file"),
    ],
};

pub(super) const GS: Kind = Kind {
    scheme: "gs",
    keys: &["endpoint", "skip_signature"],
    aliases: &[("endpoint", "base_url")],
    secrets: &["service_account_key"],
    variables: &[
        ("GOOGLE_APPLICATION_CREDENTIALS", "application_credentials"),
        ("GOOGLE_SERVICE_ACCOUNT", "service_account"),
        ("GOOGLE_SERVICE_ACCOUNT_PATH", "service_account_path"),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", "service_account_key"),
    ],
};

pub(super) const AZ: Kind = Kind {
    scheme: "az",
    keys: &[
        "account",
        "authority_host",
        "client_id",
        "endpoint",
        "skip_signature",
        "tenant_id",
        "use_azure_cli",
        "use_emulator",
    ],
    aliases: &[("account", "account_name")],
    secrets: &[
        "account_key",
        "access_key",
        "master_key",
        "sas_key",
        "sas_token",
        "bearer_token",
        "token",
        "client_secret",
    ],
    variables: &[
        ("AZURE_STORAGE_ACCOUNT_NAME", "account_name"),
        ("AZURE_STORAGE_ACCOUNT_KEY", "account_key"),
        ("AZURE_STORAGE_SAS_KEY", "sas_key"),
        ("AZURE_STORAGE_SAS_TOKEN", "sas_token"),
        ("AZURE_STORAGE_TOKEN", "azure_storage_token"),
        ("AZURE_STORAGE_CLIENT_ID", "client_id"),
        ("AZURE_STORAGE_CLIENT_SECRET", "client_secret"),
        ("AZURE_STORAGE_TENANT_ID", "tenant_id"),
        ("AZURE_CLIENT_ID", "client_id"),
        ("AZURE_CLIENT_SECRET", "client_secret"),
        ("AZURE_TENANT_ID", "tenant_id"),
        ("AZURE_FEDERATED_TOKEN_FILE", "federated_token_file"),
        ("AZURE_AUTHORITY_HOST", "authority_host"),
    ],
};

pub(super) const HTTP: Kind = Kind { scheme: "http", keys: &[], aliases: &[], secrets: &[], variables: &[] };

impl Kind {
    /// All keys with their values: first those of the environment, then those of the settings, which win.
    /// A key of the settings is checked by `knows` (the store's own parser).
    pub(super) fn values(
        &self,
        settings: &BTreeMap<String, String>,
        environment: &Environment,
        knows: impl Fn(&str) -> bool,
    ) -> Result<Vec<(String, String)>, String> {
        let mut values = Vec::new();
        for (variable, key) in self.variables {
            if let Some(value) = environment.0.get(*variable).filter(|value| !value.is_empty()) {
                values.push(((*key).to_owned(), value.clone()));
            }
        }
        for (key, value) in settings {
            values.push((self.known(key, &knows)?, value.clone()));
        }
        Ok(values)
    }

    /// The store's own name of a key of the settings, or why there is none.
    pub(super) fn known(&self, key: &str, knows: impl Fn(&str) -> bool) -> Result<String, String> {
        let key = key.to_ascii_lowercase();
        let key = self.aliases.iter().find(|(alias, _)| *alias == key).map_or(key.as_str(), |(_, name)| name);
        if self.secrets.iter().any(|secret| key.ends_with(secret)) {
            return Err(format!(
                "stores.{}.{key} would be a secret in a file; credentials come from the environment only{}",
                self.scheme,
                self.variable_of(key)
            ));
        }
        if knows(key) { Ok(key.to_owned()) } else { Err(self.unknown(key)) }
    }

    fn variable_of(&self, key: &str) -> String {
        let variable = self.variables.iter().find(|(_, name)| key.ends_with(name));
        variable.map_or_else(String::new, |(variable, _)| format!(": set {variable}"))
    }

    fn unknown(&self, key: &str) -> String {
        let known = self.keys.iter().chain(CLIENT).copied();
        let hint = cxmill_spec::suggestion(key, known, "known keys").unwrap_or_default();
        format!("unknown setting stores.{}.{key}; {hint}", self.scheme)
    }
}

/// The last value given for a key.
pub(super) fn last<'a>(values: &'a [(String, String)], key: &str) -> Option<&'a str> {
    values.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}
