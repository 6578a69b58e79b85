// SPDX-License-Identifier: Apache-2.0
//
// Objects of DNP3: which fields a point of each group and variation has (IEEE 1815-2012, annex A; the names
// are those of Suricata's log).
//
// Reads   nothing: a table.
// Writes  layouts.
// Leaves  reading points (DNP3+EVE.swift); data sets (groups 82, 85, 87, 88), BCD (101), octet strings (110 to 113).

/// One field of a point. All numbers have the low octet first.
struct DNP3Field: Sendable {
    enum Kind: Sendable, Equatable {
        /// Some bits of the octet at hand; the ones that end it step over it.
        case bits(shift: UInt8, width: UInt8)
        case unsigned(bytes: Int)
        case signed(bytes: Int)
        /// Of 4 or 8 octets (IEEE 754).
        case real(bytes: Int)
        /// As many octets as the field at this place of the layout says.
        case text(count: Int)
        case octets(count: Int)
        /// What is left of a point whose size stands before it.
        case restText
        case restOctets
        case fixedText(bytes: Int)
    }

    let name: StaticString
    let kind: Kind
}

/// What the points of an object are.
enum DNP3Layout: Sendable {
    /// Points of one or two bits each, one behind the other from the low bit on.
    case packed(StaticString, width: UInt8)
    case fields([DNP3Field])
}

enum DNP3Objects {
    static func layout(_ group: UInt8, _ variation: UInt8) -> DNP3Layout? {
        layouts[UInt16(group) << 8 | UInt16(variation)]
    }

    private static let layouts: [UInt16: DNP3Layout] = {
        var all: [UInt16: DNP3Layout] = [:]
        func add(_ group: UInt16, _ layouts: [DNP3Layout]) {
            for (index, layout) in layouts.enumerated() { all[group << 8 | UInt16(index &+ 1)] = layout }
        }
        binary(add)
        counters(add)
        analog(add)
        other(add)
        files(add)
        authentication(add)
        return all
    }()

    private typealias Adder = (UInt16, [DNP3Layout]) -> Void

    // MARK: parts of layouts

    private static func flags(_ last: StaticString...) -> [DNP3Field] {
        let names: [StaticString] = ["online", "restart", "comm_lost", "remote_forced", "local_forced"] + last
        return names.enumerated().map { DNP3Field(name: $1, kind: .bits(shift: UInt8($0), width: 1)) }
    }

    private static func bits(_ fields: (StaticString, UInt8)...) -> [DNP3Field] {
        var shift: UInt8 = 0
        return fields.map { name, width in
            defer { shift &+= width }
            return DNP3Field(name: name, kind: .bits(shift: shift, width: width))
        }
    }

    private static func u8(_ name: StaticString) -> DNP3Field { DNP3Field(name: name, kind: .unsigned(bytes: 1)) }
    private static func u16(_ name: StaticString) -> DNP3Field { DNP3Field(name: name, kind: .unsigned(bytes: 2)) }
    private static func u32(_ name: StaticString) -> DNP3Field { DNP3Field(name: name, kind: .unsigned(bytes: 4)) }
    private static func i16(_ name: StaticString) -> DNP3Field { DNP3Field(name: name, kind: .signed(bytes: 2)) }
    private static func i32(_ name: StaticString) -> DNP3Field { DNP3Field(name: name, kind: .signed(bytes: 4)) }
    private static func f32(_ name: StaticString) -> DNP3Field { DNP3Field(name: name, kind: .real(bytes: 4)) }
    private static func f64(_ name: StaticString) -> DNP3Field { DNP3Field(name: name, kind: .real(bytes: 8)) }
    /// Milliseconds since 1970.
    private static func time(_ name: StaticString) -> DNP3Field { DNP3Field(name: name, kind: .unsigned(bytes: 6)) }
    private static let timestamp = [time("timestamp")]

    // MARK: groups

    private static func binary(_ add: Adder) {
        let input = flags("chatter_filter", "reserved", "state")
        let double = flags("chatter_filter") + [DNP3Field(name: "state", kind: .bits(shift: 6, width: 2))]
        let output = flags("reserved0", "reserved1", "state")
        let command = bits(("op_type", 4), ("qu", 1), ("cr", 1), ("tcc", 2))
            + [u8("count"), u32("ontime"), u32("offtime")] + bits(("status_code", 7), ("reserved", 1))
        let outcome = bits(("status_code", 7), ("commanded_state", 1))
        add(1, [.packed("state", width: 1), .fields(input)])
        add(2, [.fields([u8("state")]), .fields(input + timestamp), .fields(input + [u16("timestamp")])])
        add(3, [.packed("state", width: 2), .fields(double)])
        add(4, [.fields(double), .fields(double + timestamp), .fields(double + [u16("relative_time_ms")])])
        add(10, [.packed("state", width: 1), .fields(output)])
        add(11, [.fields(output), .fields(output + timestamp)])
        add(12, [.fields(command), .fields(command), .packed("point", width: 1)])
        add(13, [.fields(outcome), .fields(outcome + timestamp)])
        add(80, [.packed("state", width: 1)])
    }

    private static func counters(_ add: Adder) {
        let breaks = flags("rollover", "discontinuity", "reserved0")
        let later = flags("rollover", "discontinuity", "reserved1")
        let plain = flags("rollover", "reserved0", "reserved1")
        let (long, short) = ([u32("count")], [u16("count")])
        let bare: [DNP3Layout] = [.fields(long), .fields(short), .fields(long), .fields(short)]
        let first: [DNP3Layout] = [
            .fields(breaks + long), .fields(breaks + short), .fields(plain + long), .fields(plain + short),
        ]
        let last: [DNP3Layout] = [.fields(plain + long + timestamp), .fields(plain + short + timestamp)]
        add(20, first + bare)
        add(21, first + [.fields(later + long + timestamp), .fields(later + short + timestamp)] + last + bare)
        add(22, first + [.fields(plain + long + timestamp), .fields(breaks + short + timestamp)] + last)
        add(23, first + [.fields(breaks + long + timestamp), .fields(breaks + short + timestamp)] + last)
        let secure = flags("reserved0", "discontinuity", "reserved1") + [u16("association_id"), u32("count_value")]
        add(121, [.fields(secure)])
        add(122, [.fields(secure), .fields(secure + timestamp)])
    }

    private static func analog(_ add: Adder) {
        let state = flags("over_range", "reference_err", "reserved0")
        let whole = [i32("value")]
        let half = [i16("value")]
        let single = [f32("value")]
        let double = [f64("value")]
        let events: [DNP3Layout] = [
            .fields(state + whole), .fields(state + half), .fields(state + whole + timestamp),
            .fields(state + half + timestamp), .fields(state + single), .fields(state + double),
            .fields(state + single + timestamp), .fields(state + double + timestamp),
        ]
        add(30, [
            .fields(state + whole), .fields(state + half), .fields(whole), .fields(half), .fields(state + single),
            .fields(state + double),
        ])
        add(31, [
            .fields(state + whole), .fields(state + half), .fields(state + whole + timestamp),
            .fields(state + half + timestamp), .fields(whole), .fields(half), .fields(state + single),
            .fields(state + double),
        ])
        for group: UInt16 in [32, 33, 42] { add(group, events) }
        add(34, [.fields([u16("deadband_value")]), .fields([u32("deadband_value")]), .fields([f32("deadband_value")])])
        add(40, [
            .fields(state + whole), .fields(state + half), .fields(state + single), .fields(state + double),
        ])
        let control = [u8("control_status")]
        add(41, [
            .fields(whole + control), .fields(half + control), .fields(single + control), .fields(double + control),
        ])
        let status = bits(("status_code", 7), ("reserved0", 1))
        let values = [i32("commanded_value"), i16("commanded_value"), f32("commanded_value"), f64("commanded_value")]
        add(43, [
            .fields(status + [values[0]]), .fields(status + [values[1]]), .fields(status + [values[0]] + timestamp),
            .fields(status + [values[1]] + timestamp), .fields(status + [values[2]]), .fields(status + [values[3]]),
            .fields(status + [values[2]] + timestamp), .fields(status + [values[3]] + timestamp),
        ])
    }

    private static func other(_ add: Adder) {
        add(50, [
            .fields(timestamp), .fields(timestamp + [u32("interval")]), .fields(timestamp),
            .fields(timestamp + [u32("interval_count"), u8("interval_units")]),
        ])
        add(51, [.fields(timestamp), .fields(timestamp)])
        add(52, [.fields([u16("delay_secs")]), .fields([u16("delay_ms")])])
        add(81, [.fields(bits(("fill_percentage", 7), ("overflow_state", 1)) + [u8("group"), u8("variation")])])
        add(83, [
            .fields([
                DNP3Field(name: "vendor_code", kind: .fixedText(bytes: 4)), u16("object_id"), u16("length"),
                DNP3Field(name: "data_objects", kind: .octets(count: 2)),
            ])
        ])
        let descriptor = bits(
            ("rd", 1), ("wr", 1), ("st", 1), ("ev", 1), ("df", 1), ("padding0", 1), ("padding1", 1), ("padding2", 1))
        // The first variation is a data set.
        add(86, [.fields([DNP3Field(name: "data", kind: .restOctets)]), .fields(descriptor)])
        add(102, [.fields([u8("value")])])
    }

    private static func files(_ add: Adder) {
        add(70, [
            .fields([
                u16("filename_size"), u8("filetype_code"), u8("attribute_code"), u16("start_record"),
                u16("end_record"), u32("file_size"), time("created_timestamp"), u16("permission"), u32("file_id"),
                u32("owner_id"), u32("group_id"), u8("file_function_code"), u8("status_code"),
                DNP3Field(name: "filename", kind: .text(count: 0)), u16("data_size"),
                DNP3Field(name: "data", kind: .text(count: 14)),
            ]),
            // The fourth is the length of a secret that follows, which is not shown.
            .fields([
                u16("username_offset"), u16("username_size"), u16("password_offset"), u16("password_size"),
                u32("authentication_key"), DNP3Field(name: "username", kind: .text(count: 1)),
            ]),
            .fields([
                u16("filename_offset"), u16("filename_size"), time("created"), u16("permissions"),
                u32("authentication_key"), u32("file_size"), u16("operational_mode"), u16("maximum_block_size"),
                u16("request_id"), DNP3Field(name: "filename", kind: .text(count: 1)),
            ]),
            .fields([
                u32("file_handle"), u32("file_size"), u16("maximum_block_size"), u16("request_id"), u8("status_code"),
                DNP3Field(name: "optional_text", kind: .restText),
            ]),
            .fields([u32("file_handle"), u32("block_number"), DNP3Field(name: "file_data", kind: .restText)]),
            .fields([
                u32("file_handle"), u32("block_number"), u8("status_code"),
                DNP3Field(name: "optional_text", kind: .restText),
            ]),
            .fields([
                u16("filename_offset"), u16("filename_size"), u16("file_type"), u32("file_size"),
                time("created_timestamp"), u16("permissions"), u16("request_id"),
                DNP3Field(name: "filename", kind: .text(count: 1)),
            ]),
            .fields([DNP3Field(name: "file_specification", kind: .restText)]),
        ])
    }

    /// Secure authentication (IEEE 1815-2012 section 7).
    private static func authentication(_ add: Adder) {
        func rest(_ name: StaticString) -> DNP3Field { DNP3Field(name: name, kind: .restOctets) }
        func octets(_ name: StaticString, _ place: Int) -> DNP3Field {
            DNP3Field(name: name, kind: .octets(count: place))
        }
        add(120, [
            .fields([u32("csq"), u16("usr"), u8("mal"), u8("reason"), rest("challenge_data")]),
            .fields([u32("csq"), u16("usr"), rest("mac_value")]),
            .fields([u32("csq"), u16("user_number")]),
            .fields([u16("user_number")]),
            .fields([
                u32("ksq"), u16("user_number"), u8("key_wrap_alg"), u8("key_status"), u8("mal"),
                u16("challenge_data_len"), octets("challenge_data", 5), rest("mac_value"),
            ]),
            .fields([DNP3Field(name: "ksq", kind: .unsigned(bytes: 3)), u16("usr"), rest("wrapped_key_data")]),
            .fields([
                u32("sequence_number"), u16("usr"), u16("association_id"), u8("error_code"), time("time_of_error"),
                DNP3Field(name: "error_text", kind: .restText),
            ]),
            .fields([u8("key_change_method"), u8("certificate_type"), rest("certificate")]),
            .fields([rest("mac_value")]),
            .fields([
                u8("key_change_method"), u8("operation"), u32("scs"), u16("user_role"),
                u16("user_role_expiry_interval"), u16("username_len"), u16("user_public_key_len"),
                u16("certification_data_len"), DNP3Field(name: "username", kind: .text(count: 5)),
                octets("user_public_key", 6), octets("certification_data", 7),
            ]),
            .fields([
                u8("key_change_method"), u16("username_len"), u16("master_challenge_data_len"),
                DNP3Field(name: "username", kind: .text(count: 1)), octets("master_challenge_data", 2),
            ]),
            .fields([u32("ksq"), u16("user_number"), u16("challenge_data_len"), octets("challenge_data", 2)]),
            .fields([
                u32("ksq"), u16("user_number"), u16("encrypted_update_key_len"),
                octets("encrypted_update_key_data", 2),
            ]),
            .fields([rest("digital_signature")]),
            .fields([rest("mac")]),
        ])
    }
}
