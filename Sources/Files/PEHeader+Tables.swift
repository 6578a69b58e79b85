// SPDX-License-Identifier: Apache-2.0
//
// Numbers in headers of Windows programs by name, as Zeek's log has them.

enum PETables {
    static let machines: [UInt16: StaticString] = [
        0x00: "UNKNOWN", 0x1D3: "AM33", 0x8664: "AMD64", 0x1C0: "ARM", 0x1C4: "ARMNT", 0xAA64: "ARM64", 0xEBC: "EBC",
        0x14C: "I386", 0x200: "IA64", 0x9041: "M32R", 0x266: "MIPS16", 0x366: "MIPSFPU", 0x466: "MIPSFPU16",
        0x1F0: "POWERPC", 0x1F1: "POWERPCFP", 0x166: "R4000", 0x1A2: "SH3", 0x1A3: "SH3DSP", 0x1A6: "SH4",
        0x1A8: "SH5", 0x1C2: "THUMB", 0x169: "WCEMIPSV2",
    ]

    static let subsystems: [UInt16: StaticString] = [
        0: "UNKNOWN", 1: "NATIVE", 2: "WINDOWS_GUI", 3: "WINDOWS_CUI", 7: "POSIX_CUI", 9: "WINDOWS_CE_GUI",
        10: "EFI_APPLICATION", 11: "EFI_BOOT_SERVICE_DRIVER", 12: "EFI_RUNTIME_DRIVER", 13: "EFI_ROM", 14: "XBOX",
    ]

    /// Major version in the upper half, minor in the lower.
    static let systems: [UInt32: StaticString] = [
        0xA_0000: "Windows 10", 0x6_0004: "Windows 10 Technical Preview", 0x6_0003: "Windows 8.1 or Server 2012 R2",
        0x6_0002: "Windows 8 or Server 2012", 0x6_0001: "Windows 7 or Server 2008 R2",
        0x6_0000: "Windows Vista or Server 2008", 0x5_0002: "Windows XP x64 or Server 2003", 0x5_0001: "Windows XP",
        0x5_0000: "Windows 2000", 0x4_005A: "Windows Me", 0x4_000A: "Windows 98", 0x4_0000: "Windows 95 or NT 4.0",
        0x3_0033: "Windows NT 3.51", 0x3_0032: "Windows NT 3.5", 0x3_0002: "Windows 3.2",
        0x3_000B: "Windows for Workgroups 3.11", 0x3_000A: "Windows 3.1 or NT 3.1", 0x3_0000: "Windows 3.0",
        0x2_000B: "Windows 2.11", 0x2_000A: "Windows 2.10", 0x2_0000: "Windows 2.0", 0x1_0004: "Windows 1.04",
        0x1_0003: "Windows 1.03", 0x1_0001: "Windows 1.01", 0x1_0000: "Windows 1.0",
    ]
}
