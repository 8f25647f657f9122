//! Builders of stores.
//!
//! No builder reads the environment by itself: it gets only the values that [`super::settings`] picked. A store that does
//! not answer fails within about twenty seconds.

use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{ClientConfigKey, ClientOptions};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};

use super::settings::{AZ, GS, HTTP, S3, last};
use super::{Environment, text};

type Store = Arc<dyn ObjectStore>;

/// Account of the Azure storage emulator.
const EMULATOR_ACCOUNT: &str = "devstoreaccount1";
/// Key of that account: printed in the emulator's documentation, the same on every machine, and no secret.
const EMULATOR_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(3),
            base: 2.0,
        },
        max_retries: 5,
        retry_timeout: Duration::from_secs(20),
    }
}

fn client() -> ClientOptions {
    ClientOptions::new().with_connect_timeout(Duration::from_secs(5)).with_timeout(Duration::from_mins(1))
}

/// Says what to set where an endpoint needs plain http.
fn check_endpoint(scheme: &str, values: &[(String, String)], endpoint: Option<&str>) -> Result<(), String> {
    let allowed = last(values, "allow_http").is_some_and(|value| matches!(value, "true" | "1" | "yes" | "on"));
    match endpoint {
        Some(endpoint) if endpoint.starts_with("http://") && !allowed => Err(format!(
            "the endpoint {} is not encrypted; set stores.{scheme}.allow_http: true if that is meant",
            super::location::without_secrets(endpoint)
        )),
        Some(endpoint) => match url::Url::parse(endpoint) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("stores.{scheme}.endpoint is no URL: {error}")),
        },
        None => Ok(()),
    }
}

fn knows_s3(key: &str) -> bool {
    key.parse::<AmazonS3ConfigKey>().is_ok()
}

fn knows_gs(key: &str) -> bool {
    key.parse::<GoogleConfigKey>().is_ok()
}

fn knows_az(key: &str) -> bool {
    key.parse::<AzureConfigKey>().is_ok()
}

fn knows_http(key: &str) -> bool {
    key.parse::<ClientConfigKey>().is_ok()
}

/// Says what is wrong with a key of `stores:`, if anything is.
pub(super) fn check_key(scheme: &str, key: &str) -> Result<(), String> {
    match scheme {
        "s3" => S3.known(key, knows_s3),
        "gs" => GS.known(key, knows_gs),
        "az" => AZ.known(key, knows_az),
        _ => HTTP.known(key, knows_http),
    }
    .map(drop)
}

pub(super) fn s3(
    bucket: &str,
    settings: &BTreeMap<String, String>,
    environment: &Environment,
) -> Result<Store, String> {
    let values = S3.values(settings, environment, knows_s3)?;
    let endpoint = last(&values, "endpoint").or_else(|| last(&values, "aws_endpoint_url_s3"));
    check_endpoint("s3", &values, endpoint)?;
    let signed = [
        "access_key_id",
        "web_identity_token_file",
        "container_credentials_relative_uri",
        "container_credentials_full_uri",
    ]
    .iter()
    .any(|key| last(&values, key).is_some());
    // Elsewhere than on AWS there is no metadata service to ask for credentials: asking it would only take time.
    if endpoint.is_some() && !signed && last(&values, "skip_signature") != Some("true") {
        return Err("no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, \
                    or stores.s3.skip_signature: true for a public bucket"
            .to_owned());
    }
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket).with_retry(retry()).with_client_options(client());
    for (key, value) in values {
        builder = builder.with_config(key.parse::<AmazonS3ConfigKey>().map_err(text)?, value);
    }
    Ok(Arc::new(builder.build().map_err(text)?))
}

pub(super) fn gs(
    bucket: &str,
    settings: &BTreeMap<String, String>,
    environment: &Environment,
) -> Result<Store, String> {
    let values = GS.values(settings, environment, knows_gs)?;
    check_endpoint("gs", &values, last(&values, "base_url"))?;
    let mut builder =
        GoogleCloudStorageBuilder::new().with_bucket_name(bucket).with_retry(retry()).with_client_options(client());
    for (key, value) in values {
        builder = builder.with_config(key.parse::<GoogleConfigKey>().map_err(text)?, value);
    }
    Ok(Arc::new(builder.build().map_err(text)?))
}

pub(super) fn az(
    container: &str,
    settings: &BTreeMap<String, String>,
    environment: &Environment,
) -> Result<Store, String> {
    let mut values = AZ.values(settings, environment, knows_az)?;
    let emulator = last(&values, "use_emulator").is_some_and(|value| value == "true");
    let mut builder =
        MicrosoftAzureBuilder::new().with_container_name(container).with_retry(retry()).with_client_options(client());
    if emulator {
        // The builder's own emulator mode takes its address from the environment. Written out, the emulator is a store
        // whose addresses start with the account.
        let account = last(&values, "account_name").unwrap_or(EMULATOR_ACCOUNT).to_owned();
        let endpoint = last(&values, "endpoint").unwrap_or("http://127.0.0.1:10000").trim_end_matches('/').to_owned();
        let endpoint = if endpoint.ends_with(&account) { endpoint } else { format!("{endpoint}/{account}") };
        values.retain(|(key, _)| !matches!(key.as_str(), "use_emulator" | "endpoint" | "allow_http"));
        if account == EMULATOR_ACCOUNT && last(&values, "account_key").is_none() {
            builder = builder.with_access_key(EMULATOR_KEY);
        }
        builder = builder.with_account(account).with_endpoint(endpoint).with_allow_http(true);
    } else {
        check_endpoint("az", &values, last(&values, "endpoint"))?;
        if last(&values, "account_name").is_none() {
            return Err(
                "no account; set stores.az.account, or AZURE_STORAGE_ACCOUNT_NAME in the environment".to_owned()
            );
        }
    }
    for (key, value) in values {
        builder = builder.with_config(key.parse::<AzureConfigKey>().map_err(text)?, value);
    }
    Ok(Arc::new(builder.build().map_err(text)?))
}

pub(super) fn http(scheme: &str, host: &str, settings: &BTreeMap<String, String>) -> Result<Store, String> {
    let values = HTTP.values(settings, &Environment::default(), knows_http)?;
    // Who writes http:// into a location has said that it is meant.
    let mut options = client().with_allow_http(scheme == "http");
    for (key, value) in values {
        options = options.with_config(key.parse::<ClientConfigKey>().map_err(text)?, value);
    }
    let builder = HttpBuilder::new().with_url(format!("{scheme}://{host}")).with_client_options(options);
    Ok(Arc::new(builder.with_retry(retry()).build().map_err(text)?))
}

pub(super) fn local(root: &FilePath) -> Result<Store, String> {
    Ok(Arc::new(LocalFileSystem::new_with_prefix(root).map_err(text)?))
}

/// Stores of this process by name.
static MEMORY: LazyLock<Mutex<BTreeMap<String, Arc<InMemory>>>> = LazyLock::new(Mutex::default);

/// The store of this name in this process; made when it is first named.
pub(super) fn memory(name: &str) -> Result<Store, String> {
    let mut stores = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    let store: Store = Arc::<InMemory>::clone(stores.entry(name.to_owned()).or_default());
    Ok(store)
}
