// SPDX-License-Identifier: Apache-2.0
//
// The log of answers about revoked certificates.
//
// Reads   answers of OCSP, as files in HTTP or stapled to TLS.
// Writes  one `OCSPRecord` per certificate of an answer, path "ocsp".
// Leaves  reading DER (Files/OCSPResponse.swift).

import Files
package import Records
import Wire

package struct OCSPRecord: LogRecord {
    package var ts = Timestamp.zero
    package var file: UID?
    var status = OCSPStatus()
    var text = TextBuffer()

    package init() {}

    package static let log = LogID.ocsp
    package static let summary: StaticString = "What a responder of OCSP says of one certificate."

    package func write(to row: inout RowBatch) {
        row.time("ts", ts, "When the answer was seen.")
        row.fuid("id", file, "Identity of the file that the answer came as.")
        row.text("hashAlgorithm", status.hashAlgorithm, in: text, "Algorithm of the two hashes.")
        row.text("issuerNameHash", status.issuerNameHash, in: text, "Hash of the issuer's name.")
        row.text("issuerKeyHash", status.issuerKeyHash, in: text, "Hash of the issuer's key.")
        row.text("serialNumber", status.serial, in: text, "Serial number of the certificate.", isKey: true)
        row.text("certStatus", status.status, "good, revoked or unknown.")
        row.time("revoketime", status.revoked, "When it was revoked.")
        row.text("revokereason", status.reason, "Why it was revoked.")
        row.time("thisUpdate", status.thisUpdate, "When this was known to be so.")
        row.time("nextUpdate", status.nextUpdate, "When there will be newer word.")
    }
}

extension AnalyzerContext {
    /// Writes what an answer says; nothing where it cannot be read.
    mutating func logOCSP(_ answer: RawSpan, file: UID, at time: Timestamp) {
        guard let response = OCSPResponse(parsing: answer) else { return }
        var record = OCSPRecord()
        record.ts = time
        record.file = file
        record.text = response.text
        for status in response.statuses {
            record.status = status
            output.emit(record)
        }
    }

    /// An answer that a server has stapled to its handshake (RFC 6066 section 8).
    mutating func stapledOCSP(_ answer: RawSpan, from direction: Direction) {
        let file = UID.make(fileOf: uid, direction: direction, ordinal: fileOrdinal)
        fileOrdinal &+= 1
        logOCSP(answer, file: file, at: now)
    }
}
