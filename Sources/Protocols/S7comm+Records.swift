// SPDX-License-Identifier: Apache-2.0
//
// The logs of OSI transport, S7comm and S7comm-plus; columns as the ICSNPP package for Zeek names them.
//
// Reads   nothing.
// Writes  rows.
// Leaves  what fills them (S7comm.swift).

package import Records
import Wire

package struct COTPRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var isOriginator = true
    var code = Text.absent
    var name = Text.absent
    var calling = Text.absent
    var called = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.cotp
    package static let summary: StaticString = "One unit of OSI transport that opens, closes or breaks a connection."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("is_orig", isOriginator, "The originator sent it.")
        row.text("pdu_code", code, in: text, "Type of the unit as a number.")
        row.text("pdu_name", name, in: text, "Type of the unit by name.")
        row.text("calling_tsap", calling, in: text, "Who calls: the source's transport selector in hexadecimal digits.")
        row.text("called_tsap", called, in: text, "Who is called; for S7 also rack and slot.")
    }
}

package struct S7commRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var isOriginator = true
    var kind: UInt64 = 0
    var kindName = Text.absent
    var reference: UInt64 = 0
    var functionCode = Text.absent
    var function = Text.absent
    var subfunctionCode = Text.absent
    var subfunction = Text.absent
    var errorClass = Text.absent
    var errorCode = Text.absent
    var items: [Text]?
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.s7comm
    package static let summary: StaticString = "One S7comm message."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("is_orig", isOriginator, "The originator sent it.")
        row.count("rosctr_code", kind, "What the message is, as a number.")
        row.text("rosctr_name", kindName, in: text, "What the message is.")
        row.count("pdu_reference", reference, "Number that request and response share.")
        row.text("function_code", functionCode, in: text, "Function as a number.")
        row.text("function_name", function, in: text, "Function by name.")
        row.text("subfunction_code", subfunctionCode, in: text, "Function inside its group, or service of PLC control.")
        row.text("subfunction_name", subfunction, in: text, "Name of that.")
        row.text("error_class", errorClass, in: text, "Class of the error by name.")
        row.text("error_code", errorCode, in: text, "Error within its class.")
        row.textVector("items", items, in: text, "Variables that are read or written, as STEP 7 writes pointers.")
    }

    mutating func clear() {
        text.clear()
        (functionCode, function, subfunctionCode, subfunction) = (.absent, .absent, .absent, .absent)
        (errorClass, errorCode, items) = (.absent, .absent, nil)
    }
}

package struct S7SZLRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var reference: UInt64 = 0
    var isResponse = false
    var list = Text.absent
    var listName = Text.absent
    var index = Text.absent
    var returnCode = Text.absent
    var returnName = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.s7commReadSZL
    package static let summary: StaticString = "One request for a system status list of a PLC, or its response."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.count("pdu_reference", reference, "Number that request and response share.")
        row.text("method", isResponse ? "Response" : "Request", "Request or Response.")
        row.text("szl_id", list, in: text, "Number of the list.")
        row.text("szl_id_name", listName, in: text, "What the list tells.")
        row.text("szl_index", index, in: text, "Part of the list.")
        row.text("return_code", returnCode, in: text, "What came of it, as a number.")
        row.text("return_code_name", returnName, in: text, "What came of it.")
    }
}

package struct S7TransferRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var kind = Text.absent
    var reference: UInt64 = 0
    var function = Text.absent
    var status = Text.absent
    var session: UInt64?
    var blockLength: UInt64?
    var name = Text.absent
    var blockType = Text.absent
    var blockNumber = Text.absent
    var target = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.s7commTransfer
    package static let summary: StaticString = "One step of an upload from a PLC or a download to it."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("rosctr", kind, in: text, "What the message is.")
        row.count("pdu_reference", reference, "Number that request and response share.")
        row.text("function_name", function, in: text, "Step of the transfer.")
        row.text("function_status", status, in: text, "Status octet of the step.")
        row.count("session_id", session, "Number of the transfer.")
        row.count("blocklength", blockLength, "Octets of the block.")
        row.text("filename", name, in: text, "Name of the block.")
        row.text("block_type", blockType, in: text, "Type of the block.")
        row.text("block_number", blockNumber, in: text, "Number of the block.")
        row.text("destination_filesystem", target, in: text, "Active or Passive.")
    }

    mutating func clear() {
        text.clear()
        (session, blockLength, name) = (nil, nil, .absent)
        (blockType, blockNumber, target) = (.absent, .absent, .absent)
    }

    /// A name such as `_0A00001P`: type, number, file system.
    mutating func read(name bytes: RawSpan) {
        name = text.add(bytes)
        guard bytes.byteCount >= 9, bytes.octet(0) == 0x5F else { return }
        if let type = S7TransferRecord.blockType(bytes.octet(1), bytes.octet(2)) { blockType = text.add(type) }
        blockNumber = text.add(bytes.extracting(3..<8))
        switch bytes.octet(8) {
        case 0x50: target = text.add("Passive")
        case 0x41: target = text.add("Active")
        default: break
        }
    }

    private static func blockType(_ high: UInt8, _ low: UInt8) -> StaticString? {
        guard high == 0x30 else { return nil }
        switch low {
        case 0x38: return "Organization Block"
        case 0x41: return "Data Block"
        case 0x42: return "System Data Block"
        case 0x43: return "Function"
        case 0x44: return "System Function"
        case 0x45: return "Function Block"
        case 0x46: return "System Function Block"
        default: return nil
        }
    }
}

package struct S7PlusRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var isOriginator = true
    var version: UInt64 = 0
    var opcode = Text.absent
    var opcodeName = Text.absent
    var functionCode = Text.absent
    var function = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.s7commPlus
    package static let summary: StaticString = "One S7comm-plus message."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("is_orig", isOriginator, "The originator sent it.")
        row.count("version", version, "Version: 1 opens a session, 2 has none to protect, 3 carries a digest.")
        row.text("opcode", opcode, in: text, "Opcode as a number.")
        row.text("opcode_name", opcodeName, in: text, "Request, Response or Notification.")
        row.text("function_code", functionCode, in: text, "Function as a number.")
        row.text("function_name", function, in: text, "Function by name.")
    }
}
