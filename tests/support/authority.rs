//! A certificate authority of the test's own, made with openssl in a folder of the test's.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::mosquitto::run;

/// What `openssl ca` needs to know.
const CONFIGURATION: &str = "\
[ca]
default_ca = test
[test]
database = index
new_certs_dir = .
serial = serial
default_md = sha256
policy = anything
unique_subject = no
copy_extensions = copy
[anything]
commonName = supplied
";

/// A CA and the certificates it has issued: `ca.pem`, and `NAME.pem` with `NAME.key`.
pub struct Authority {
    pub folder: TempDir,
}

impl Authority {
    /// Makes a CA.
    pub fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("ca.cnf"), CONFIGURATION).expect("a file");
        fs::write(folder.path().join("index"), "").expect("a file");
        fs::write(folder.path().join("serial"), "01\n").expect("a file");
        let authority = Self { folder };
        let subject = format!("/CN={name}");
        authority.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout ca.key -out ca.pem -subj",
            &[&subject],
        );
        authority
    }

    /// Issues a certificate for these names, valid today.
    pub fn issue(&self, name: &str, alternatives: &str) {
        self.issue_for(name, alternatives, &["-days", "2"]);
    }

    /// Issues one that was valid for a day long ago.
    pub fn issue_expired(&self, name: &str, alternatives: &str) {
        let validity = [
            "-startdate",
            "20200101000000Z",
            "-enddate",
            "20200102000000Z",
        ];
        self.issue_for(name, alternatives, &validity);
    }

    fn issue_for(&self, name: &str, alternatives: &str, validity: &[&str]) {
        let (key, request, certificate) = (
            format!("{name}.key"),
            format!("{name}.csr"),
            format!("{name}.pem"),
        );
        let (subject, extension) = (
            format!("/CN={name}"),
            format!("subjectAltName={alternatives}"),
        );
        self.openssl(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes",
            &[
                "-keyout", &key, "-out", &request, "-subj", &subject, "-addext", &extension,
            ],
        );
        let mut rest = vec!["-in", &request, "-out", &certificate];
        rest.extend(validity);
        self.openssl(
            "ca -batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key",
            &rest,
        );
    }

    fn openssl(&self, words: &str, more: &[&str]) {
        let mut arguments: Vec<&str> = words.split(' ').collect();
        arguments.extend(more);
        run("openssl", &arguments, self.folder.path());
    }

    /// A file of the CA's.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as text.
    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}
