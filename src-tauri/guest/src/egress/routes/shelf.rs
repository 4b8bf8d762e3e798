//! The keys of this gateway, in memory only, and what connections with them are checked against.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use sandbox_protocol::routes::{Route, Routes};
use tokio::sync::watch;

/// See the module.
pub struct Shelf {
    inner: Mutex<Inner>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Inner {
    routes: Vec<Arc<Route>>,
    tls: Option<Arc<ClientConfig>>,
}

impl Default for Shelf {
    fn default() -> Self {
        Self {
            inner: Mutex::default(),
            changes: watch::channel(0).0,
        }
    }
}

impl Shelf {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on these, and no others. Certificates are PEM; those that do not read are passed over.
    pub fn put(&self, routes: Routes, certificates: &[u8]) {
        let tls = client(certificates).ok().map(Arc::new);
        let routes = routes.list.into_iter().map(Arc::new).collect();
        *self.inner() = Inner { routes, tls };
        self.changes.send_modify(|count| *count += 1);
    }

    /// The route of that id.
    pub fn find(&self, id: &str) -> Option<Arc<Route>> {
        self.inner()
            .routes
            .iter()
            .find(|route| route.id == id)
            .cloned()
    }

    /// How TLS is spoken. `None`: nothing to check the other end against.
    pub fn tls(&self) -> Option<Arc<ClientConfig>> {
        self.inner().tls.clone()
    }

    /// Comes back when a route was taken away or is another one now.
    pub async fn taken_away(&self, route: &Arc<Route>) {
        let mut changes = self.changes.subscribe();
        while self.find(&route.id).as_ref() == Some(route) {
            if changes.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

fn client(certificates: &[u8]) -> io::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(certificates).flatten() {
        // Bundles hold some that no reader takes; the others are what counts.
        let _ = roots.add(certificate);
    }
    if roots.is_empty() {
        return Err(io::Error::other("no certificates"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
