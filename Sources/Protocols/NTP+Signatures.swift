// SPDX-License-Identifier: Apache-2.0
//
// One-message protocols as signatures see them: NTP (RFC 5905), SNMP (RFC 3416), RFB (RFC 6143).
//
// Reads   what the analyzers have read of a message.
// Writes  exposures; each message is one transaction.
// Leaves  the logs (NTP.swift, SNMP.swift, RFB.swift).

import Records
import Wire

extension NTP {
    /// Shows a message of modes 1 to 7.
    static func show(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let tx = context.beginTransaction(.ntp)
        if context.wantsEvents { writeEvent(bytes, tx: tx, from: direction, &context) }
        guard context.wantsTransactions else { return }
        let first = bytes.octet(0)
        context.exposeNumber(.ntpVersion, UInt64(first >> 3 & 7), tx: tx, from: direction)
        context.exposeNumber(.ntpMode, UInt64(first & 7), tx: tx, from: direction)
        if 1...5 ~= first & 7, bytes.byteCount >= 16 {
            context.exposeNumber(.ntpStratum, UInt64(bytes.octet(1)), tx: tx, from: direction)
            context.expose(.ntpReferenceID, bytes.extracting(12..<16), tx: tx, from: direction)
        }
        context.transactionDone(tx: tx, from: .originator)
        context.transactionDone(tx: tx, from: .responder)
    }
}

extension SNMP {
    static func show(
        _ message: SNMPMessage, _ bytes: RawSpan, isOtherVersion: Bool, from direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        let tx = context.beginTransaction(.snmp)
        if isOtherVersion { context.transactionEvent("snmp.version_mismatch", tx: tx, from: direction) }
        if message.model ?? SNMPMessage.userModel != SNMPMessage.userModel {
            context.transactionEvent("snmp.unknown_security_model", tx: tx, from: direction)
        }
        if context.wantsEvents { writeEvent(message, bytes, tx: tx, from: direction, &context) }
        guard context.wantsTransactions else { return }
        // On the wire the first two versions are 0 and 1.
        let version = message.version < 3 ? message.version &+ 1 : message.version
        context.exposeNumber(.snmpVersion, UInt64(bitPattern: version), tx: tx, from: direction)
        if let kind = message.kind {
            context.exposeNumber(.snmpPDUType, UInt64(kind & 0x1F), tx: tx, from: direction)
        }
        if let type = message.trapType {
            context.exposeNumber(.snmpTrapType, UInt64(bitPattern: type), tx: tx, from: direction)
        }
        if let place = message.community {
            let buffer: SignatureBuffer = message.version < 3 ? .snmpCommunity : .snmpUSM
            context.expose(buffer, bytes.extracting(place), tx: tx, from: direction)
        }
        context.transactionDone(tx: tx, from: .originator)
        context.transactionDone(tx: tx, from: .responder)
    }
}
