//! A root and a certificate of this machine that it signed, for whoever speaks TLS here.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

/// Writes `root.pem`, `own.pem`, `key.pem` and, for who wants certificate and key in one file,
/// `both.pem`.
pub(crate) fn certificates(folder: &Path) {
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    root.distinguished_name.push(DnType::CommonName, "Test root");
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut own = CertificateParams::new(vec!["127.0.0.1".into(), "localhost".into()]).unwrap();
    own.distinguished_name.push(DnType::CommonName, "127.0.0.1");
    let own = own.signed_by(&key, &root).unwrap();
    let both = own.pem() + &key.serialize_pem();
    for (name, text) in
        [("root.pem", root.pem()), ("own.pem", own.pem()), ("key.pem", key.serialize_pem()), ("both.pem", both)]
    {
        std::fs::write(folder.join(name), text).unwrap();
    }
}
