// SPDX-License-Identifier: Apache-2.0
//
// The log of files: where a file was seen, how much of it, and what it is.
//
// Reads   files that are over (SeenFiles.swift).
// Writes  one `FilesRecord` per file and connection, path "files".
// Leaves  certificates, which have a log of their own.

import Files
package import Records
import Wire

/// Where a file was seen.
package enum FileSource: UInt8, Sendable {
    case http, smtp, ftpData, ircData, smb, nfs, tftp, pop3, imap, sip

    /// The text of the column `source`.
    package var name: StaticString {
        switch self {
        case .http: "HTTP"
        case .smtp: "SMTP"
        case .ftpData: "FTP_DATA"
        case .ircData: "IRC_DATA"
        case .smb: "SMB"
        case .nfs: "NFS"
        case .tftp: "TFTP"
        case .pop3: "POP3"
        case .imap: "IMAP"
        case .sip: "SIP"
        }
    }
}

/// One file on one connection.
package struct FilesRecord: LogRecord {
    package var ts = Timestamp.zero
    package var fuid: UID?
    package var uid: UID?
    package var id: ConnectionID?
    package var source = FileSource.http
    package var depth: UInt64 = 0
    package var analyzers: [Text] = []
    package var mimeType = Text.absent
    package var name = Text.absent
    package var duration: Int64 = 0
    package var isFromLocal = false
    package var isFromOriginator = false
    package var seenBytes: UInt64 = 0
    package var totalBytes: UInt64?
    package var missingBytes: UInt64 = 0
    package var overflowBytes: UInt64 = 0
    package var timedOut = false
    package var md5 = Text.absent
    package var sha1 = Text.absent
    package var sha256 = Text.absent
    package var extracted = Text.absent
    package var extractedWasCut: Bool?
    package var extractedBytes: UInt64?
    package var text = TextBuffer()
    /// Texts of digests and of what was saved.
    package var contentText = TextBuffer()

    package init() {}

    package static let log = LogID.files
    package static let summary: StaticString = "One file that was seen inside a protocol, on one connection."

    package func write(to row: inout RowBatch) {
        row.identify(id)
        row.time("ts", ts, "When the first octet of the file was seen.")
        row.fuid("fuid", fuid, "Identity of the file, the same in every log.")
        row.uid("uid", uid, "Identity of the connection, the same in every log.")
        row.address("id.orig_h", id?.originator, "Address of the originator.")
        row.port("id.orig_p", id?.originatorPort, "Port of the originator.")
        row.address("id.resp_h", id?.responder, "Address of the responder.")
        row.port("id.resp_p", id?.responderPort, "Port of the responder.")
        row.text("source", source.name, "Protocol that carried the file.")
        row.count("depth", depth, "Which part of its message the file is; 0 where there are no parts.")
        row.textSet("analyzers", analyzers, in: contentText, "What read the content: PE, MD5, SHA1, SHA256, EXTRACT.")
        row.text("mime_type", mimeType, in: text, "Type of the file, by content.", isKey: true)
        row.text("filename", name, in: text, "Name that the protocol gives the file.", isKey: true)
        row.interval("duration", duration, "From the first octet to the last.")
        row.boolean("local_orig", isFromLocal, "Whether the sender's address is local.")
        row.boolean("is_orig", isFromOriginator, "Whether the originator of the connection sent the file.")
        row.count("seen_bytes", seenBytes, "Octets that were seen, in order.")
        row.count("total_bytes", totalBytes, "Octets of the whole file, as the protocol says.")
        row.count("missing_bytes", missingBytes, "Octets that were not seen between those that were.")
        row.count("overflow_bytes", overflowBytes, "Octets that were given up waiting for, to a limit.")
        row.boolean("timedout", timedOut, "Whether silence, or the end of the input, ended the file.")
        row.fuid("parent_fuid", nil, "Identity of the file that this one was inside of.")
        row.text("md5", md5, in: contentText, "MD5 of the content.", isKey: true)
        row.text("sha1", sha1, in: contentText, "SHA-1 of the content.", isKey: true)
        row.text("sha256", sha256, in: contentText, "SHA-256 of the content.", isKey: true)
        row.text("extracted", extracted, in: contentText, "Name under which the content was saved.")
        row.boolean("extracted_cutoff", extractedWasCut, "Whether the saved content was cut at a limit.")
        row.count("extracted_size", extractedBytes, "Octets that were saved.")
    }

    /// Nothing was done with the content.
    mutating func clearContent() {
        contentText.clear()
        analyzers.removeAll(keepingCapacity: true)
        (md5, sha1, sha256, extracted) = (.absent, .absent, .absent, .absent)
        (extractedWasCut, extractedBytes) = (nil, nil)
    }

    mutating func take(_ digests: FileDigests, _ hashes: FileHashes) {
        md5 = digests.write(.md5, to: &contentText)
        sha1 = digests.write(.sha1, to: &contentText)
        sha256 = digests.write(.sha256, to: &contentText)
        if hashes.contains(.md5) { add(analyzer: "MD5") }
        if hashes.contains(.sha1) { add(analyzer: "SHA1") }
        if hashes.contains(.sha256) { add(analyzer: "SHA256") }
    }

    mutating func add(analyzer name: StaticString) { analyzers.append(contentText.add(name)) }

    /// Whether one of the digests is this one, in hexadecimal.
    func hasDigest(_ digits: [UInt8]) -> Bool {
        for place in [md5, sha1, sha256] where !place.isAbsent && contentText[place].elementsEqual(digits) {
            return true
        }
        return false
    }

    /// Takes over what is known of a file, on one of its connections.
    mutating func fill(
        _ file: SeenFile, _ connection: FileConnection, _ settings: AnalyzerSettings, timedOut: Bool
    ) {
        text.clear()
        ts = file.started
        fuid = file.id
        uid = connection.uid
        id = connection.id
        source = file.source
        depth = UInt64(file.depth)
        mimeType = file.type.map { $0.write(to: &text) } ?? .absent
        name = file.hasName ? text.add(file.name) : .absent
        duration = file.last.since(file.started)
        isFromOriginator = file.direction == .originator
        isFromLocal = settings.isLocal(isFromOriginator ? connection.id.originator : connection.id.responder)
        seenBytes = file.seenBytes
        totalBytes = file.totalBytes
        missingBytes = file.missingBytes
        overflowBytes = file.overflowBytes
        self.timedOut = timedOut
    }
}

/// A hash that tells a file known by its place from others: the same for the same words.
struct FileKey {
    private var hash = SipHash(key0: 0x6669_6C65_7320_6B6E, key1: 0x6F77_6E20_6279_2E2E)

    init(_ source: FileSource) { hash.absorb(UInt64(source.rawValue)) }

    mutating func add(_ number: UInt64) { hash.absorb(number) }

    mutating func add(_ address: Address) {
        hash.absorb(address.high)
        hash.absorb(address.low)
    }

    mutating func add(_ octets: some Sequence<UInt8>) {
        var word: UInt64 = 1
        for octet in octets {
            if word >> 56 != 0 {
                hash.absorb(word)
                word = 1
            }
            word = word << 8 | UInt64(octet)
        }
        hash.absorb(word)
    }

    /// The same for borrowed octets.
    mutating func add(_ octets: RawSpan) {
        var word: UInt64 = 1
        for index in 0..<octets.byteCount {
            if word >> 56 != 0 {
                hash.absorb(word)
                word = 1
            }
            word = word << 8 | UInt64(octets.octet(index))
        }
        hash.absorb(word)
    }

    var value: UInt64 { hash.finish() }
}
