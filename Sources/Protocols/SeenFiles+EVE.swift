// SPDX-License-Identifier: Apache-2.0
//
// The event `fileinfo` of files that the file layer has seen.
//
// Reads   files that are over.
// Writes  one event for each, with the object of the transaction that carried it.
// Leaves  bodies of HTTP/1 (HTTPView+EVE.swift), but for the parts of a form and ranges that were joined.

import Files
package import Records
import Wire

extension AnalyzerContext {
    /// Writes `files`, as alerts on a transaction have them: those that are open.
    package func writeFiles(of uid: UID, tx transaction: UInt64, to event: inout EVEBuilder) {
        let mark = event.mark
        event.openList("files")
        let start = event.mark
        files.open(on: uid, transaction) { file in
            guard file.hasEvent else { return }
            event.openItem()
            event.text("filename", file.name[...])
            event.boolean("gaps", file.missingBytes > 0)
            event.text("state", file.isWhole ? "CLOSED" : "UNKNOWN")
            event.boolean("stored", false)
            event.count("size", file.seenBytes)
            event.count("tx_id", transaction)
            event.closeItem()
        }
        guard event.hasGrown(since: start) else { return event.goBack(to: mark) }
        event.closeList()
    }

    /// Writes a file's event, on the connection at work. `isCut` where its end was not seen.
    mutating func writeFileInfo(_ file: SeenFile, isCut: Bool) {
        guard file.hasEvent, file.describer?.takesFile(file, isCut: isCut) != true else { return }
        beginEvent("fileinfo", from: file.direction, application: file.application)
        file.describer?.writeEVE(tx: file.transaction, to: &event)
        event.open("fileinfo")
        event.text("filename", file.name[...])
        event.boolean("gaps", file.missingBytes > 0)
        event.text("state", isCut || file.missingBytes > 0 ? "TRUNCATED" : "CLOSED")
        if file.missingBytes == 0 {
            event.text("md5", filesRecord.md5, in: filesRecord.contentText)
            event.text("sha1", filesRecord.sha1, in: filesRecord.contentText)
            event.text("sha256", filesRecord.sha256, in: filesRecord.contentText)
        }
        event.boolean("stored", false)
        event.count("size", file.seenBytes)
        event.count("tx_id", file.transaction)
        event.close()
        endEvent()
    }
}

extension SMTP {
    /// The end of a line before a boundary is not the attachment's (RFC 2046 section 5.1.1).
    func note(_ file: SeenFile, isCut: Bool) {
        let endsLine = mail.isQuoted && mail.lastOctets == 0x0D0A && file.seenBytes >= 2
        guard event.isOpen, event.hasRoom(event.files.count) else { return }
        event.files.append(
            SMTPEventFile(
                name: Array(file.name.prefix(SMTPEvent.nameBytesMax)), size: file.seenBytes &- (endsLine ? 2 : 0),
                hasGap: file.missingBytes > 0, isCut: isCut))
    }
}

extension SeenFile {
    /// Suricata knows parts of mails and forms by their names only.
    var hasEvent: Bool {
        switch source {
        case .http: isOfHTTP2 || key != nil && isWhole || direction == .originator && hasName && isOfForm
        case .smtp, .pop3, .imap: hasName
        default: true
        }
    }

    /// A part of a request's form; only asked for events.
    private var isOfForm: Bool { depth > 0 || (describer as? HTTP)?.readsForm(transaction) == true }

    /// The body of a stream of HTTP/2; only asked for events.
    private var isOfHTTP2: Bool { describer is HTTP2 }

    /// The application protocol that the file's event names.
    var application: StaticString { source == .http && isOfHTTP2 ? "http2" : source.application }
}

extension FileSource {
    /// The application protocol that a file's event names.
    var application: StaticString {
        switch self {
        case .http: "http"
        case .smtp: "smtp"
        case .ftpData: "ftp-data"
        case .ircData: "irc"
        case .smb: "smb"
        case .nfs: "nfs"
        case .tftp: "tftp"
        case .pop3: "pop3"
        case .imap: "imap"
        case .sip: "sip"
        }
    }
}
