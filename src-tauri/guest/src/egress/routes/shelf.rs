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
    out_of_reach: Vec<String>,
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

    /// From now on these, and of those that were there what is to stay as before. Certificates are PEM; those that do
    /// not read are passed over.
    pub fn put(&self, routes: Routes, certificates: &[u8]) {
        let tls = client(certificates).ok().map(Arc::new);
        let Routes { list, as_before } = routes;
        let mut inner = self.inner();
        let stays = |route: &Arc<Route>| {
            as_before.contains(&route.id) && list.iter().all(|new| new.id != route.id)
        };
        let mut all: Vec<Arc<Route>> = inner.routes.extract_if(.., |one| stays(one)).collect();
        // None come with an empty list.
        let tls = tls.or(inner.tls.take().filter(|_| !all.is_empty()));
        all.extend(list.into_iter().map(Arc::new));
        *inner = Inner {
            routes: all,
            tls,
            out_of_reach: as_before,
        };
        drop(inner);
        self.changes.send_modify(|count| *count += 1);
    }

    /// Whether a key of it is kept and could not be handed over.
    pub fn is_out_of_reach(&self, id: &str) -> bool {
        self.inner().out_of_reach.iter().any(|one| one == id)
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
