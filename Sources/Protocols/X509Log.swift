// SPDX-License-Identifier: Apache-2.0
//
// Certificates as the logs have them: the row, and what a worker remembers of
// those that it has read.
//
// Reads   the DER of a certificate that a protocol carried.
// Writes  an `X509Record` for each certificate and role that may be due, path "x509".
// Leaves  reading DER (Files), which of them are written: one a day (the collector).

package import Files
package import Records
import Wire

/// A certificate that was sent.
package struct X509Record: LogRecord {
    package var ts = Timestamp.zero
    package var certificate: X509Certificate?
    package var isHost = false
    package var isClient = false

    package init() {}

    package static let log = LogID.x509
    package static let summary: StaticString = "One certificate and role, once a day."

    package func write(to row: inout RowBatch) {
        let from = certificate
        let text = from?.text ?? TextBuffer()
        row.time("ts", ts, "When the certificate began.")
        row.text("fingerprint", from?.fingerprint ?? .absent, in: text, "SHA-256 of the certificate.", isKey: true)
        row.count("certificate.version", from?.version, "Version, 1 to 3.")
        row.text("certificate.serial", from?.serial ?? .absent, in: text, "Serial number, hexadecimal.", isKey: true)
        row.text("certificate.subject", from?.subject ?? .absent, in: text, "Whom it certifies.")
        row.text("certificate.issuer", from?.issuer ?? .absent, in: text, "Who certifies.")
        row.time("certificate.not_valid_before", from?.notBefore, "When it begins to be valid.")
        row.time("certificate.not_valid_after", from?.notAfter, "When it ends to be valid.")
        row.text("certificate.key_alg", from?.keyAlgorithm ?? .absent, in: text, "Algorithm of the key.")
        row.text("certificate.sig_alg", from?.signatureAlgorithm ?? .absent, in: text, "Algorithm of the signature.")
        row.text("certificate.key_type", from?.keyType ?? .absent, in: text, "Kind of the key, such as rsa.")
        row.count("certificate.key_length", from?.keyBits, "Bits of the key.")
        row.text("certificate.exponent", from?.exponent ?? .absent, in: text, "Exponent of an RSA key.")
        row.text("certificate.curve", from?.curve ?? .absent, in: text, "Curve of an elliptic key.")
        row.textVector("san.dns", from?.hostNames, in: text, "Host names that it is for.")
        row.textVector("san.uri", from?.uris, in: text, "URIs that it is for.")
        row.textVector("san.email", from?.mailboxes, in: text, "Mail addresses that it is for.")
        row.addressVector("san.ip", from?.addresses, "Addresses that it is for.")
        row.boolean("basic_constraints.ca", from?.isAuthority, "Whether it may certify others.")
        row.count("basic_constraints.path_len", from?.pathLength, "How many others may stand below it.")
        row.boolean("host_cert", isHost, "The first of a chain.")
        row.boolean("client_cert", isClient, "Sent by the client.")
    }
}

/// The certificates that a worker has read. Two generations: when the young one is
/// full it becomes the old one, so that what is in use stays and memory is bounded.
struct CertificateCache {
    /// Certificates of one generation.
    static let countMax = 4096
    /// Octets of the texts of one generation. A certificate can name a megabyte of hosts.
    static let textBytesMax = 32 << 20

    private var young: [X509Fingerprint: ReadCertificate] = [:]
    private var old: [X509Fingerprint: ReadCertificate] = [:]
    private var youngTextBytes = 0
    /// Certificates that went to make room.
    private(set) var forgotten: UInt64 = 0
    private var scratch: [UInt8] = []

    /// Certificates that are remembered.
    var count: Int { young.count &+ old.count }

    /// What is known of a certificate. Allocates for a new one only.
    mutating func read(_ der: RawSpan) -> ReadCertificate {
        scratch.removeAll(keepingCapacity: true)
        der.append(to: &scratch)
        let fingerprint = X509Fingerprint(scratch)
        if let known = young[fingerprint] { return known }
        let read = old[fingerprint] ?? ReadCertificate(X509Certificate(parsing: der, fingerprint: fingerprint))
        if young.count >= CertificateCache.countMax || youngTextBytes >= CertificateCache.textBytesMax {
            swap(&young, &old)
            forgotten &+= UInt64(young.count)
            young.removeAll(keepingCapacity: true)
            youngTextBytes = 0
        }
        young[fingerprint] = read
        youngTextBytes &+= read.certificate?.text.bytes.count ?? 0
        return read
    }
}

/// A certificate that was read, of which each connection that shows it has one reference.
final class ReadCertificate {
    /// Nil where it could not be read.
    let certificate: X509Certificate?
    private var toldRoles: UInt8 = 0
    private var toldDay: Int64 = 0

    init(_ certificate: X509Certificate?) { self.certificate = certificate }

    /// Whether this worker has not told of the certificate in this role on this day, as `Timestamp.day` counts them.
    /// Other workers meet it too; which row is the first is the collector's to decide.
    func admits(isHost: Bool, isClient: Bool, day: Int64) -> Bool {
        let role: UInt8 = 1 << ((isHost ? 1 : 0) | (isClient ? 2 : 0))
        if toldDay < day { (toldDay, toldRoles) = (day, 0) }
        guard toldRoles & role == 0 else { return false }
        toldRoles |= role
        return true
    }
}
