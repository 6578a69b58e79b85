// SPDX-License-Identifier: Apache-2.0
//
// NFS as EVE and the signatures see it: a call and its reply are one transaction.
//
// Reads   calls and replies, as NFS+Calls.swift has read them.
// Writes  the event `nfs`; buffers `nfs.procedure`, `nfs.version`.
// Leaves  mount and the port mapper; what the log says (NFS.swift).

import Records
import Wire

extension NFS {
    /// A call was read, for which a transaction has begun.
    func show(_ call: NFSCall, _ context: inout AnalyzerContext) {
        guard let tx = call.transaction else { return }
        context.exposeNumber(.nfsProcedure, UInt64(call.procedure), tx: tx, from: .originator)
        context.exposeNumber(.nfsVersion, UInt64(call.version), tx: tx, from: .originator)
        context.transactionDone(tx: tx, from: .originator)
    }

    /// The reply has come.
    func showEnd(_ call: NFSCall, _ message: RPCMessage, _ context: inout AnalyzerContext) {
        guard let tx = call.transaction else { return }
        context.transactionDone(tx: tx, from: .responder)
        // Attributes are asked for all the time.
        guard context.wantsEvents, call.version == 4 || call.procedure != 1 else { return }
        let isDatagram = context.id.transport == .udp
        context.beginEvent("nfs", from: isDatagram ? .responder : .originator, tx: tx)
        NFS.write(call, message, tx, to: &context.event)
        context.endEvent()
    }

    private static func write(
        _ call: NFSCall, _ message: RPCMessage, _ tx: UInt64, to event: inout EVEBuilder
    ) {
        let record = call.record
        event.open("rpc")
        event.count("xid", UInt64(call.xid))
        event.text("status", message.isAccepted ? "ACCEPTED" : "DENIED")
        event.text("auth_type", call.flavor == 0 ? "NULL" : call.flavor == 1 ? "UNIX" : "GSS")
        if call.flavor == 1 {
            event.open("creds")
            event.text("machine_name", record.text[record.machine])
            event.count("uid", record.user)
            event.count("gid", record.group)
            event.close()
        }
        event.close()
        event.open("nfs")
        event.count("version", UInt64(call.version))
        event.text("procedure", record.procedure, in: record.text)
        event.text("filename", record.text[record.name])
        event.text("hhash", record.handle, in: record.text)
        event.count("id", tx &+ 1)
        let (isRead, isWrite) = (call.isRead, call.isWrite)
        event.boolean("file_tx", isRead || isWrite)
        event.text("type", "response")
        event.text("status", record.status, in: record.text)
        if isRead || isWrite {
            event.open(isRead ? "read" : "write")
            event.boolean("first", true)
            event.boolean("last", true)
            event.count("last_xid", UInt64(call.xid))
            event.count("chunks", 1)
            event.close()
        } else if call.isRename {
            event.open("rename")
            event.text("from", record.text[record.name])
            event.text("to", record.text[record.newName])
            event.close()
        }
        event.close()
    }
}

extension NFSCall {
    var isRead: Bool { version == 4 ? procedure == 25 : procedure == 6 }
    var isWrite: Bool { version == 4 ? procedure == 38 : version == 3 ? procedure == 7 : procedure == 8 }
    var isRename: Bool { version == 4 ? procedure == 29 : version == 3 ? procedure == 14 : procedure == 11 }
}
