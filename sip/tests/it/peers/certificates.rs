//! A house of certificates: one root, and one certificate for this machine.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use songda_sip::{ClientTls, OwnCertificate, ServerTls};

pub(crate) struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let mut root = CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        root.distinguished_name.push(rcgen::DnType::CommonName, "Test root");
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
        let mut own = CertificateParams::new(vec!["127.0.0.1".into(), "localhost".into()]).unwrap();
        own.distinguished_name.push(rcgen::DnType::CommonName, "127.0.0.1");
        let key = KeyPair::generate().unwrap();
        let own = own.signed_by(&key, &root).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("root.pem", root.pem()),
            ("own.pem", own.pem()),
            ("key.pem", key.serialize_pem()),
            // Some programs want both in one file.
            ("both.pem", own.pem() + &key.serialize_pem()),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn server(&self) -> ServerTls {
        let identity = OwnCertificate { certificate: self.path("own.pem"), key: self.path("key.pem") };
        ServerTls { identity, client_roots: None }
    }

    pub(crate) fn client(&self) -> ClientTls {
        ClientTls { roots: Some(self.path("root.pem")), identity: None }
    }
}
