// SPDX-License-Identifier: Apache-2.0
//
// Keywords of control networks (Modbus, DNP3, CIP) and of IKE.
//
// Reads   values of options.
// Writes  transaction tests of the draft.
// Leaves  EtherNet/IP's numbers (NumberInfo+Tables.swift).

import Records

extension RuleParser {
    mutating func addControl(_ keyword: PlainKeyword, _ name: RuleText, _ value: RuleText) throws(RuleError) {
        switch keyword {
        case .modbus:
            try need(AppProtocols(.modbus), name)
            add(.modbus(try RuleParser.modbus(value)), .toServer)
        case .cipService:
            try need(AppProtocols(.enip), name)
            add(try RuleParser.cipService(value))
        case .ikeAttribute:
            try need(AppProtocols(.ike), name)
            add(try RuleParser.ikeAttribute(value), .toClient)
        default:
            try need(AppProtocols(.dnp3), name)
            try addDNP3(keyword, value)
        }
    }

    // MARK: DNP3

    /// Function codes of IEEE 1815, as Suricata names them.
    private static let functions: [String: UInt64] = [
        "confirm": 0, "read": 1, "write": 2, "select": 3, "operate": 4, "direct_operate": 5, "direct_operate_nr": 6,
        "immed_freeze": 7, "immed_freeze_nr": 8, "freeze_clear": 9, "freeze_clear_nr": 10, "freeze_at_time": 11,
        "freeze_at_time_nr": 12, "cold_restart": 13, "warm_restart": 14, "initialize_data": 15, "initialize_appl": 16,
        "start_appl": 17, "stop_appl": 18, "save_config": 19, "enable_unsolicited": 20, "disable_unsolicited": 21,
        "assign_class": 22, "delay_measure": 23, "record_current_time": 24, "open_file": 25, "close_file": 26,
        "delete_file": 27, "get_file_info": 28, "authenticate_file": 29, "abort_file": 30, "activate_config": 31,
        "authenticate_req": 32, "authenticate_err": 33, "response": 129, "unsolicited_response": 130,
        "authenticate_resp": 131,
    ]
    private static let indicators: [String: UInt64] = [
        "all_stations": 0x0100, "class_1_events": 0x0200, "class_2_events": 0x0400, "class_3_events": 0x0800,
        "need_time": 0x1000, "local_control": 0x2000, "device_trouble": 0x4000, "device_restart": 0x8000,
        "no_func_code_support": 0x0001, "object_unknown": 0x0002, "parameter_error": 0x0004,
        "event_buffer_overflow": 0x0008, "already_executing": 0x0010, "config_corrupt": 0x0020, "reserved_1": 0x0040,
        "reserved_2": 0x0080,
    ]

    private mutating func addDNP3(_ keyword: PlainKeyword, _ value: RuleText) throws(RuleError) {
        let text = value.trimmed
        switch keyword {
        case .dnp3Function:
            guard let code = text.decimal(255) ?? RuleParser.functions[text.string.lowercased()] else {
                throw RuleError(
                    .value, "\(value.quoted) is no function of DNP3",
                    advice: "write a number or a name: write, cold_restart")
            }
            add(.number(.dnp3Function, NumberTest(.equal, code), .any))
        case .dnp3Indicators:
            var mask: UInt64 = text.number(0xFFFF) ?? 0
            if text.number(0xFFFF) == nil {
                for part in text.parts(0x2C) {
                    guard let bit = RuleParser.indicators[part.string.lowercased()] else {
                        throw RuleError(
                            .value, "\(part.quoted) is no indication of DNP3", advice: "write device_restart,need_time")
                    }
                    mask |= bit
                }
            }
            add(.number(.dnp3Indications, NumberTest(.notMasked, mask, 0), .any))
        default:
            let parts = text.parts(0x2C)
            guard parts.count == 2, let group = parts[0].decimal(255), let variation = parts[1].decimal(255) else {
                throw RuleError(.value, "\(value.quoted) is no object of DNP3", advice: "write GROUP,VARIATION")
            }
            add(.dnp3Object(group: UInt8(group), variation: UInt8(variation)))
        }
    }

    // MARK: CIP and IKE

    private static func cipService(_ value: RuleText) throws(RuleError) -> TransactionTest.Element {
        let parts = value.parts(0x2C)
        let numbers = parts.map { $0.decimal(0xFFFF_FFFF) }
        guard (1...3).contains(parts.count), let service = numbers[0], service <= 255, !numbers.contains(nil) else {
            throw RuleError(.value, "\(value.quoted) is no CIP service", advice: "write SERVICE[,CLASS[,ATTRIBUTE]]")
        }
        return .cipService(
            service: UInt8(service), classID: parts.count > 1 ? numbers[1].map { UInt32($0) } : nil,
            attribute: parts.count > 2 ? numbers[2].map { UInt32($0) } : nil)
    }

    /// IKEv1 attributes (RFC 2409, appendix A) by Suricata's names.
    private static let attributes: [String: UInt32] = [
        "alg_enc": 1, "alg_hash": 2, "alg_auth": 3, "alg_dh": 4, "sa_group_type": 5, "sa_life_type": 11,
        "sa_life_duration": 12, "alg_prf": 13, "sa_key_length": 14, "sa_field_size": 15,
    ]

    private static func ikeAttribute(_ value: RuleText) throws(RuleError) -> TransactionTest.Element {
        guard let cut = value.cut(0x3D), let type = attributes[cut.head.string],
            let number = cut.tail.decimal(0xFFFF_FFFF)
        else {
            throw RuleError(
                .value, "\(value.quoted) is no attribute", advice: "write alg_enc=3, alg_hash=2, alg_auth=1, alg_dh=14")
        }
        return .ikeAttribute(type: type, value: UInt32(number))
    }

    // MARK: Modbus

    /// `[unit N, ] function CODE[, subfunction N]` or `access read|write [TABLE][, address N[, value N]]`.
    static func modbus(_ value: RuleText) throws(RuleError) -> ModbusTest {
        let bad = RuleError(
            .value, "\(value.quoted) is no modbus test",
            advice: "write [unit N,] function N[, subfunction N] or access read|write TABLE[, address N[, value N]]")
        var test = ModbusTest()
        var parts = value.parts(0x2C)[...]
        if let words = parts.first?.words, words.first?.equals("unit") == true {
            guard words.count == 2, let number = modbusNumber(words[1]) else { throw bad }
            test.unit = number
            parts = parts.dropFirst()
            if parts.isEmpty { return test }
        }
        guard let words = parts.first?.words, words.count >= 2 else { throw bad }
        parts = parts.dropFirst()
        if words[0].equals("function"), words.count == 2 {
            guard setFunction(&test, words[1]) else { throw bad }
            guard let next = parts.first else { return test }
            guard test.function != nil, next.words.count == 2, next.words[0].equals("subfunction"),
                let code = next.words[1].decimal(65_535), parts.count == 1
            else { throw bad }
            test.subfunction = UInt16(code)
        } else if words[0].equals("access") {
            guard setAccess(&test, words.dropFirst(), parts) else { throw bad }
        } else {
            throw bad
        }
        return test
    }

    private static func setFunction(_ test: inout ModbusTest, _ text: RuleText) -> Bool {
        if let code = text.decimal(255) {
            test.function = UInt8(code)
            return true
        }
        let categories: [String: UInt8] = [
            "assigned": 1, "unassigned": 2, "public": 3, "user": 4, "reserved": 8, "all": 0xFF,
        ]
        test.categoryIsNegated = text.first == 0x21
        guard let category = categories[(test.categoryIsNegated ? text.dropFirst() : text).string] else { return false }
        test.category = category
        return true
    }

    private static func setAccess(
        _ test: inout ModbusTest, _ words: ArraySlice<RuleText>, _ rest: ArraySlice<RuleText>
    ) -> Bool {
        let words = Array(words)
        guard words[0].equals("read") || words[0].equals("write"), words.count <= 2 else { return false }
        test.access = words[0].equals("read") ? .read : .write
        if words.count == 2 {
            let tables: [String: ModbusTest.Table] = [
                "discretes": .discretes, "coils": .coils, "input": .input, "holding": .holding,
            ]
            guard let table = tables[words[1].string] else { return false }
            // What can only be read is not written.
            guard test.access == .read || table == .coils || table == .holding else { return false }
            test.table = table
        }
        guard let address = rest.first?.words else { return true }
        guard test.table != .any, address.count == 2, address[0].equals("address"),
            let number = modbusNumber(address[1])
        else {
            return false
        }
        test.address = number
        guard let value = rest.dropFirst().first?.words else { return true }
        guard test.access == .write, value.count == 2, value[0].equals("value"), let number = modbusNumber(value[1])
        else {
            return false
        }
        test.value = number
        return rest.count == 2
    }

    /// `N`, `<N`, `>N`, `A<>B`; both ends of a range are in it.
    private static func modbusNumber(_ text: RuleText) -> NumberTest? {
        if text.first == 0x3C || text.first == 0x3E {
            return text.dropFirst().decimal(65_535).map { NumberTest(text.first == 0x3C ? .less : .greater, $0) }
        }
        if let cut = text.cut(0x3C), cut.tail.first == 0x3E {
            guard let first = cut.head.decimal(65_535), let last = cut.tail.dropFirst().decimal(65_535), first < last
            else { return nil }
            return NumberTest(.inside, first, last)
        }
        return text.decimal(65_535).map { NumberTest(.equal, $0) }
    }
}
