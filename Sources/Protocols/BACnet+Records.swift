// SPDX-License-Identifier: Apache-2.0
//
// The logs of BACnet; columns as the ICSNPP package for Zeek names them.
//
// Reads   nothing.
// Writes  rows.
// Leaves  what fills them (BACnet.swift).

package import Records
import Wire

package struct BACnetRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var isOriginator = true
    var function = Text.absent
    var type: StaticString?
    var service = Text.absent
    var invokeID: UInt64?
    var result = Text.absent
    var sourceNetwork: UInt64?
    var sourceAddress = Text.absent
    var targetNetwork: UInt64?
    var targetAddress = Text.absent
    var forwardedAddress: Address?
    var forwardedPort: UInt16?
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.bacnet
    package static let summary: StaticString = "One BACnet/IP message."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("is_orig", isOriginator, "The originator sent it.")
        row.text("bvlc_function", function, in: text, "Function of the virtual link.")
        row.text("pdu_type", type, "Type of the application's or network's message.")
        row.text("pdu_service", service, in: text, "Service, or message of the network layer.")
        row.count("invoke_id", invokeID, "Number that request and answer share.")
        row.text("result_code", result, in: text, "Error code, reason of a rejection or abort, or result of the link.")
        row.count("snet", sourceNetwork, "Network of the true sender, where a router sent it on.")
        row.text("sadr", sourceAddress, in: text, "Address of the true sender on that network.")
        row.count("dnet", targetNetwork, "Network that it is for; 65535 is all.")
        row.text("dadr", targetAddress, in: text, "Address that it is for on that network.")
        row.address("fwd_ip", forwardedAddress, "Address that a broadcast device forwards it for.")
        row.port("fwd_port", forwardedPort, "Port of that.")
    }

    mutating func clear() {
        text.clear()
        (function, type, service, result) = (.absent, nil, .absent, .absent)
        (invokeID, sourceNetwork, targetNetwork) = (nil, nil, nil)
        (sourceAddress, targetAddress, forwardedAddress, forwardedPort) = (.absent, .absent, nil, nil)
    }
}

package struct BACnetDiscoveryRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var isOriginator = true
    var service: StaticString?
    var deviceType = Text.absent
    var deviceNumber: UInt64?
    var objectType = Text.absent
    var instance: UInt64?
    var vendor = Text.absent
    var range = Text.absent
    var name = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.bacnetDiscovery
    package static let summary: StaticString = "One search of BACnet for devices or objects, or its answer."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("is_orig", isOriginator, "The originator sent it.")
        row.text("pdu_service", service, "who-is, i-am, who-has or i-have.")
        row.text("device_id_type", deviceType, in: text, "Type of the device's own object.")
        row.count("device_id_number", deviceNumber, "Number of the device that has the object.")
        row.text("object_type", objectType, in: text, "Type of the object.")
        row.count("instance_number", instance, "Number of the object.")
        row.text("vendor", vendor, in: text, "Vendor of the device.")
        row.text("range", range, in: text, "Numbers of devices that are asked; All without a limit.")
        row.text("object_name", name, in: text, "Name of the object.")
    }

    mutating func clear() {
        text.clear()
        (service, deviceType, deviceNumber, objectType, instance) = (nil, .absent, nil, .absent, nil)
        (vendor, range, name) = (.absent, .absent, .absent)
    }
}

package struct BACnetPropertyRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var isOriginator = true
    var invokeID: UInt64 = 0
    var service: StaticString?
    var objectType = Text.absent
    var instance: UInt64?
    var property = Text.absent
    var index: UInt64?
    var value = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.bacnetProperty
    package static let summary: StaticString = "One value of a property of BACnet that is read or written."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("is_orig", isOriginator, "The originator sent it.")
        row.count("invoke_id", invokeID, "Number that request and answer share.")
        row.text("pdu_service", service, "Service, and whether it is the request or the answer.")
        row.text("object_type", objectType, in: text, "Type of the object.")
        row.count("instance_number", instance, "Number of the object.")
        row.text("property", property, in: text, "Property.")
        row.count("array_index", index, "Element of an array.")
        row.text("value", value, in: text, "Value, where it is of a simple type.")
    }
}

package struct BACnetControlRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var isOriginator = true
    var invokeID: UInt64 = 0
    var service = Text.absent
    var minutes: UInt64?
    var state = Text.absent
    var password = Text.absent
    var result: StaticString?
    var code = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.bacnetControl
    package static let summary: StaticString = "One order to a device of BACnet to be silent or restart, or its answer."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("is_orig", isOriginator, "The originator sent it.")
        row.count("invoke_id", invokeID, "Number that request and answer share.")
        row.text("pdu_service", service, in: text, "reinitialize_device or device_communication_control.")
        row.count("time_duration", minutes, "Minutes that the device is to be silent.")
        row.text("device_state", state, in: text, "State that is asked for.")
        row.text("password", password, in: text, "<hidden> where a password was sent, as it is in the clear.")
        row.text("result", result, "SUCCESS, ERROR, REJECT or ABORT.")
        row.text("result_code", code, in: text, "Code of the error, or the reason.")
    }
}
