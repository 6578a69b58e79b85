// SPDX-License-Identifier: Apache-2.0
//
// Names of numbers of COTP, S7comm and S7comm-plus, as the field's tools spell them.
//
// Reads   nothing.
// Writes  nothing: tables in the order of their numbers.
// Leaves  the protocols (S7comm.swift).

enum S7Tables {
    /// What a message is (ROSCTR).
    static let kinds: [NumberName] = [
        NumberName(0x01, "Job-Request"),
        NumberName(0x02, "ACK"),
        NumberName(0x03, "ACK-Data"),
        NumberName(0x07, "User-Data"),
    ]

    /// Functions of jobs and their answers.
    static let functions: [NumberName] = [
        NumberName(0x00, "CPU Services"),
        NumberName(0x04, "Read Variable"),
        NumberName(0x05, "Write Variable"),
        NumberName(0x1A, "Request Download"),
        NumberName(0x1B, "Download Block"),
        NumberName(0x1C, "Download Ended"),
        NumberName(0x1D, "Start Upload"),
        NumberName(0x1E, "Upload"),
        NumberName(0x1F, "End Upload"),
        NumberName(0x28, "PLC Control"),
        NumberName(0x29, "PLC Stop"),
        NumberName(0xF0, "Setup Communication"),
    ]

    /// Groups of functions of user data.
    static let groups: [NumberName] = [
        NumberName(0x00, "Mode-Transition"),
        NumberName(0x01, "Programmer Controls"),
        NumberName(0x02, "Cyclic Services"),
        NumberName(0x03, "Block Functions"),
        NumberName(0x04, "CPU Functions"),
        NumberName(0x05, "Security"),
        NumberName(0x06, "PBC BSEND-BRECV"),
        NumberName(0x07, "Time Functions"),
        NumberName(0x0F, "NC Programming"),
    ]

    /// Functions of user data: the group in the high octet.
    static let subfunctions: [NumberName] = [
        NumberName(0x00, "Stop"),
        NumberName(0x01, "Warm Restart"),
        NumberName(0x02, "Run"),
        NumberName(0x03, "Hot Restart"),
        NumberName(0x04, "Hold"),
        NumberName(0x06, "Cold Restart"),
        NumberName(0x09, "Run_R"),
        NumberName(0x0B, "Link-Up"),
        NumberName(0x0C, "Update"),
        NumberName(0x101, "Block Status"),
        NumberName(0x102, "Variable Status"),
        NumberName(0x103, "Output ISTACK"),
        NumberName(0x104, "Output BSTACK"),
        NumberName(0x105, "Output LSTACK"),
        NumberName(0x106, "Time Measurement from to"),
        NumberName(0x107, "Force Selection"),
        NumberName(0x108, "Modify Variable"),
        NumberName(0x109, "Force"),
        NumberName(0x10A, "Breakpoint"),
        NumberName(0x10B, "Exit HOLD"),
        NumberName(0x10C, "Memory Reset"),
        NumberName(0x10D, "Disable Job"),
        NumberName(0x10E, "Enable Job"),
        NumberName(0x10F, "Delete Job"),
        NumberName(0x110, "Read Job List"),
        NumberName(0x111, "Read Job"),
        NumberName(0x112, "Replace Job"),
        NumberName(0x113, "Block Status V2"),
        NumberName(0x116, "Flash LED"),
        NumberName(0x201, "Cyclic Transfer"),
        NumberName(0x204, "Unsubscribe"),
        NumberName(0x205, "Change Driven Transfer"),
        NumberName(0x207, "Change Driven Transfer Modify"),
        NumberName(0x208, "RDREC"),
        NumberName(0x301, "List Blocks"),
        NumberName(0x302, "List Blocks of Type"),
        NumberName(0x303, "Get Block Info"),
        NumberName(0x401, "Read SZL"),
        NumberName(0x402, "Message Service"),
        NumberName(0x403, "Diagnostic Message"),
        NumberName(0x405, "ALARM_8 Indication"),
        NumberName(0x406, "NOTIFY Indication"),
        NumberName(0x407, "ALARM_8 Lock"),
        NumberName(0x408, "ALARM_8 Unlock"),
        NumberName(0x409, "SCAN Indication"),
        NumberName(0x40B, "ALARM Ack"),
        NumberName(0x40C, "ALARM Ack Indication"),
        NumberName(0x40D, "ALARM Lock Indication"),
        NumberName(0x40E, "ALARM Unlock Indication"),
        NumberName(0x411, "ALARM_SQ Indication"),
        NumberName(0x412, "ALARM_S Indication"),
        NumberName(0x413, "ALARM Query"),
        NumberName(0x416, "NOTIFY_8 Indication"),
        NumberName(0x501, "PLC Password"),
        NumberName(0x701, "Read Clock"),
        NumberName(0x702, "Set Clock"),
        NumberName(0x703, "Read Clock (following)"),
        NumberName(0x704, "Set Clock"),
        NumberName(0xF01, "Request Download"),
        NumberName(0xF02, "Download Block"),
        NumberName(0xF03, "Continue Download"),
        NumberName(0xF04, "Download Ended"),
        NumberName(0xF06, "Start Upload"),
        NumberName(0xF07, "Upload"),
        NumberName(0xF08, "Continue Upload"),
    ]

    /// Classes of errors.
    static let errorClasses: [NumberName] = [
        NumberName(0x00, "No error"),
        NumberName(0x81, "Application relationship error"),
        NumberName(0x82, "Object definition error"),
        NumberName(0x83, "No resources available error"),
        NumberName(0x84, "Error on service processing"),
        NumberName(0x85, "Error on supplies"),
        NumberName(0x87, "Access error"),
    ]

    /// What came of one item.
    static let returnCodes: [NumberName] = [
        NumberName(0x00, "Reserved"),
        NumberName(0x01, "Hardware error"),
        NumberName(0x03, "Accessing the object not allowed"),
        NumberName(0x05, "Invalid address"),
        NumberName(0x06, "Data type not supported"),
        NumberName(0x07, "Data type inconsistent"),
        NumberName(0x0A, "Object does not exist"),
        NumberName(0xFF, "Success"),
    ]

    /// System status lists, by the low octet of their number.
    static let statusLists: [NumberName] = [
        NumberName(0x00, "List of all the SZL-IDs of a module"),
        NumberName(0x11, "Module identification"),
        NumberName(0x12, "CPU characteristics"),
        NumberName(0x13, "User memory areas"),
        NumberName(0x14, "System areas"),
        NumberName(0x15, "Block types"),
        NumberName(0x16, "Priority classes"),
        NumberName(0x17, "List of the permitted SDBs with a number < 1000"),
        NumberName(0x18, "Maximum S7-300 I/O configuration"),
        NumberName(0x19, "Status of the module LEDs"),
        NumberName(0x1C, "Component identification"),
        NumberName(0x21, "Interrupt / error assignment"),
        NumberName(0x22, "Interrupt status"),
        NumberName(0x23, "Priority classes"),
        NumberName(0x24, "Modes"),
        NumberName(0x25, "Assignment between process image partitions and OBs"),
        NumberName(0x31, "Communication capability parameters"),
        NumberName(0x32, "Communication status data"),
        NumberName(0x33, "Diagnostics: device logon list"),
        NumberName(0x37, "Ethernet: details of a module"),
        NumberName(0x71, "H CPU group information"),
        NumberName(0x74, "Status of the module LEDs"),
        NumberName(0x75, "Switched DP slaves in the H-system"),
        NumberName(0x81, "Start information list"),
        NumberName(0x82, "Start event list"),
        NumberName(0x91, "Module status information"),
        NumberName(0x92, "Rack / station status information"),
        NumberName(0x94, "Rack / station status information"),
        NumberName(0x95, "Extended DP master system information"),
        NumberName(0x96, "Module status information, PROFINET IO and PROFIBUS DP"),
        NumberName(0xA0, "Diagnostic buffer of the CPU"),
        NumberName(0xB1, "Module diagnostic information (data record 0)"),
        NumberName(0xB2, "Module diagnostic information (data record 1), geographical address"),
        NumberName(0xB3, "Module diagnostic information (data record 1), logical address"),
        NumberName(0xB4, "Diagnostic data of a DP slave"),
    ]

    /// Opcodes of S7comm-plus.
    static let plusOpcodes: [NumberName] = [
        NumberName(0x31, "Request"),
        NumberName(0x32, "Response"),
        NumberName(0x33, "Notification"),
    ]

    /// Functions of S7comm-plus.
    static let plusFunctions: [NumberName] = [
        NumberName(0x4BB, "Explore"),
        NumberName(0x4CA, "Create Object"),
        NumberName(0x4D4, "Delete Object"),
        NumberName(0x4F2, "Set Variable"),
        NumberName(0x524, "Get Link"),
        NumberName(0x542, "Set Multi Variables"),
        NumberName(0x54C, "Get Multi Variables"),
        NumberName(0x556, "Begin Sequence"),
        NumberName(0x560, "End Sequence"),
        NumberName(0x56B, "Invoke"),
        NumberName(0x586, "Get Variable Sub Streamed"),
    ]

    /// Units of OSI transport (X.224 section 13).
    static let transports: [NumberName] = [
        NumberName(0x01, "ED Expedited Data"),
        NumberName(0x02, "EA Expedited Data Acknowledgement"),
        NumberName(0x05, "RJ Reject"),
        NumberName(0x06, "AK Data Acknowledgement"),
        NumberName(0x07, "ER TPDU Error"),
        NumberName(0x08, "DR Disconnect Request"),
        NumberName(0x0C, "DC Disconnect Confirm"),
        NumberName(0x0D, "CC Connection Confirm"),
        NumberName(0x0E, "CR Connection Request"),
        NumberName(0x0F, "DT Data"),
    ]
}
