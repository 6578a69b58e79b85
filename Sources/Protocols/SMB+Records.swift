// SPDX-License-Identifier: Apache-2.0
//
// What the logs say of SMB: files and shares.
//
// Reads   nothing.
// Writes  the rows of "smb_files" and "smb_mapping".
// Leaves  when a row is written (SMB+State.swift).

package import Records

/// What happened to a file, as the log names it.
package enum SMBAction: UInt8, Sendable {
    case fileRead, fileWrite, fileOpen, fileClose, fileDelete, fileRename, fileSetAttribute
    case pipeRead, pipeWrite, pipeOpen, pipeClose
    case printRead, printWrite, printOpen, printClose

    var name: StaticString {
        switch self {
        case .fileRead: "SMB::FILE_READ"
        case .fileWrite: "SMB::FILE_WRITE"
        case .fileOpen: "SMB::FILE_OPEN"
        case .fileClose: "SMB::FILE_CLOSE"
        case .fileDelete: "SMB::FILE_DELETE"
        case .fileRename: "SMB::FILE_RENAME"
        case .fileSetAttribute: "SMB::FILE_SET_ATTRIBUTE"
        case .pipeRead: "SMB::PIPE_READ"
        case .pipeWrite: "SMB::PIPE_WRITE"
        case .pipeOpen: "SMB::PIPE_OPEN"
        case .pipeClose: "SMB::PIPE_CLOSE"
        case .printRead: "SMB::PRINT_READ"
        case .printWrite: "SMB::PRINT_WRITE"
        case .printOpen: "SMB::PRINT_OPEN"
        case .printClose: "SMB::PRINT_CLOSE"
        }
    }

    /// Whether there is a row for it (`SMB::logged_file_actions`).
    var isLogged: Bool {
        switch self {
        case .fileOpen, .fileRename, .fileDelete, .printOpen, .printClose: true
        default: false
        }
    }
}

/// The four times of a file.
package struct SMBTimes: Sendable, BitwiseCopyable {
    package var modified = Timestamp.zero
    package var accessed = Timestamp.zero
    package var created = Timestamp.zero
    package var changed = Timestamp.zero
}

/// One thing done to a file on a share.
package struct SMBFilesRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var file: UID?
    package var action = SMBAction.fileOpen
    package var path = Text.absent
    package var name = Text.absent
    package var size: UInt64 = 0
    package var previousName = Text.absent
    package var times: SMBTimes?
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.smbFiles
    package static let summary: StaticString = "One thing done to a file on an SMB share."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.fuid("fuid", file, "Identity of the file, where its content was seen.")
        row.enumeration("action", action.name, "What was done.")
        row.text("path", path, in: text, "The share.", isKey: true)
        row.text("name", name, in: text, "Name of the file on the share.", isKey: true)
        row.count("size", size, "Size when it was opened.")
        row.text("prev_name", previousName, in: text, "Its name before, where it was renamed.")
        row.time("times.modified", times?.modified, "When its content was last changed.")
        row.time("times.accessed", times?.accessed, "When it was last read.")
        row.time("times.created", times?.created, "When it was made.")
        row.time("times.changed", times?.changed, "When anything of it was last changed.")
    }

    mutating func clear() {
        (file, path, name, previousName, times) = (nil, .absent, .absent, .absent, nil)
        (size, action) = (0, .fileOpen)
        text.clear()
    }
}

/// One share that was connected to.
package struct SMBMappingRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var path = Text.absent
    package var service = Text.absent
    package var fileSystem = Text.absent
    package var shareType = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.smbMapping
    package static let summary: StaticString = "One SMB share that a client connected to."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("path", path, in: text, "Name of the share.", isKey: true)
        row.text("service", service, in: text, "Kind of service, in version 1.")
        row.text("native_file_system", fileSystem, in: text, "File system of the share, in version 1.")
        row.text("share_type", shareType, in: text, "What it is: DISK, PIPE or PRINT.")
    }

    mutating func clear() {
        (path, service, fileSystem, shareType) = (.absent, .absent, .absent, .absent)
        text.clear()
    }
}
