// SPDX-License-Identifier: Apache-2.0
//
// The rules by which content shows its MIME type: facts of file formats, with the
// strengths of Zeek's base/frameworks/files/magic, in a notation of our own.
//
// A line is: strength, name, pattern. Strongest first, equally strong ones by name;
// the first rule that matches decides. A pattern begins at the first octet and
// need not reach the last:
//
//     abc        these octets; `_` is a blank, `\hh` an octet in hexadecimal
//     'abc'      these letters in either case
//     [a-c\00]   one octet of a set; [^a] one octet not of it
//     {4} {1-9}  so many octets, whatever they are
//     %          any number of octets
//     (a|b)      one of several
//     ?          after an octet, a set or a group: may be missing
//     + *        after a set: one or more, none or more; *7; and *1-9; so many
//     &B         perhaps a byte order mark
//     &P &X      blanks and comments of markup; &X perhaps an XML declaration too
//
// MIMECompiler.swift reads it. Left out: rules that can never match.

extension MIMERules {
    static let table: StaticString = #"""
        340 application/zip MZ{28}(Copyright_1989-1990_PKWARE_Inc|PKLITE_Copr)\2e
        330 application/pgp-keys {2}---BEGIN_PGP_PUBLIC_KEY_BLOCK-
        320 application/mac-binhex40 {11}must_be_converted_with_BinHex
        280 application/pgp-signature -----BEGIN_PGP_SIGNATURE-
        280 application/x-shar {10}\23_This_is_a_shell_archive
        260 application/pgp -----BEGIN_PGP_MESSAGE-
        260 application/x-freeplane <map_?version=\22freeplane
        260 application/x-scribus <SCRIBUSUTF8NEW_Version
        250 text/x-shellscript \23![^\0a]*1-15;bin/(env[\09-\0d_]+)?(ba|tc|c|z|fa|ae|k)?sh
        230 application/x-svr4-package \23_PaCkAgE_DaTaStReAm
        220 application/x-kdelnk \5bKDE_Desktop_Entry\5d
        200 application/x-kdelnk \23_KDE_Config_File
        190 application/x-dosexec {369}MICROSOFT_PIFEX\00
        190 application/x-mif <MakerScreenFont
        190 audio/x-mod Extended_Module:
        190 audio/x-w64 riff\2e\91\cf\11\a5\d6\28\db\04\c1\00\00{8}wave\f3\ac\d3\11\8c\d1\00\c0O\8e\db\8a
        190 audio/x-wav RF64\ff\ff\ff\ffWAVEds64
        190 model/vrml \23VRML_?V1\2e0_?ascii
        180 application/x-msaccess {4}Standard_(Jet|ACE)_DB\00
        180 model/vrml \23VRML_?V2\2e0_?utf8
        180 text/calendar BEGIN:VCALENDAR
        171 application/x-debian-package !<arch>\0adebian
        170 image/x-canon-crw II\1a\00\00\00HEAPCCDR
        170 message/rfc822 Relay-Version:
        160 application/vnd.font-fontforge-sfd SplineFontDB:
        160 application/x-gnumeric {39}<gmr:Workbook
        160 image/x-polar-monitor-bitmap \5bBitmapInfo2\5d
        160 message/rfc822 'delivered'-'to':
        150 application/x-freemind <map_?version
        150 message/rfc822 'return'-'path':
        140 application/x-bittorrent d8:announce
        140 application/x-ia-arc filedesc://
        140 application/x-sc {38}Spreadsheet
        140 text/x-vcard BEGIN:VCARD
        130 application/x-mif <MakerFile
        130 image/x-canon-cr2 II\2a\00\10\00\00\00CR
        130 message/rfc822 Forward_to
        120 application/vnd.lotus-wordpro WordPro\0d\fb
        120 application/vnd.oasis.opendocument.chart-template PK\03\04{22}\08\00\00\00mimetypeapplication/vn\#
        d\2eoasis\2eopendocument\2echart-template
        120 application/vnd.oasis.opendocument.formula-template PK\03\04{22}\08\00\00\00mimetypeapplication/\#
        vnd\2eoasis\2eopendocument\2eformula-template
        120 application/vnd.oasis.opendocument.graphics-template PK\03\04{22}\08\00\00\00mimetypeapplication\#
        /vnd\2eoasis\2eopendocument\2egraphics-template
        120 application/vnd.oasis.opendocument.image-template PK\03\04{22}\08\00\00\00mimetypeapplication/vn\#
        d\2eoasis\2eopendocument\2eimage-template
        120 application/vnd.oasis.opendocument.presentation-template PK\03\04{22}\08\00\00\00mimetypeapplica\#
        tion/vnd\2eoasis\2eopendocument\2epresentation-template
        120 application/vnd.oasis.opendocument.spreadsheet-template PK\03\04{22}\08\00\00\00mimetypeapplicat\#
        ion/vnd\2eoasis\2eopendocument\2espreadsheet-template
        120 application/vnd.oasis.opendocument.text-template PK\03\04{22}\08\00\00\00mimetypeapplication/vnd\#
        \2eoasis\2eopendocument\2etext-template
        120 application/x-lha MZ{34}LH'a'\27s_SFX
        120 application/x-mif <BookFile
        120 message/rfc822 N\23!_rnews
        110 application/epub+zip PK\03\04{22}\08\00\00\00mimetypeapplication/epub\2bzip
        110 application/vnd.lotus-wordpro WordPro\00
        110 application/vnd.ms-cab-compressed MSCF\00\00\00\00
        110 application/vnd.oasis.opendocument.chart PK\03\04{22}\08\00\00\00mimetypeapplication/vnd\2eoasis\#
        \2eopendocument\2echart[^\2d]
        110 application/vnd.oasis.opendocument.database PK\03\04{22}\08\00\00\00mimetypeapplication/vnd\2eoa\#
        sis\2eopendocument\2edatabase
        110 application/vnd.oasis.opendocument.formula PK\03\04{22}\08\00\00\00mimetypeapplication/vnd\2eoas\#
        is\2eopendocument\2eformula[^\2d]
        110 application/vnd.oasis.opendocument.graphics PK\03\04{22}\08\00\00\00mimetypeapplication/vnd\2eoa\#
        sis\2eopendocument\2egraphics[^\2d]
        110 application/vnd.oasis.opendocument.image PK\03\04{22}\08\00\00\00mimetypeapplication/vnd\2eoasis\#
        \2eopendocument\2eimage[^\2d]
        110 application/vnd.oasis.opendocument.presentation PK\03\04{22}\08\00\00\00mimetypeapplication/vnd\#
        \2eoasis\2eopendocument\2epresentation[^\2d]
        110 application/vnd.oasis.opendocument.spreadsheet PK\03\04{22}\08\00\00\00mimetypeapplication/vnd\#
        \2eoasis\2eopendocument\2espreadsheet[^\2d]
        110 application/vnd.oasis.opendocument.text PK\03\04{22}\08\00\00\00mimetypeapplication/vnd\2eoasis\#
        \2eopendocument\2etext[^\2d]
        110 application/x-hdf \89HDF\0d\0a\1a\0a
        110 application/x-mif <MIFFile
        110 application/x-setupscript `(\0d\0a|;|\5b|\ff\fe)%\5b%\5b\00'v'\00'e'\00'r'\00's'\00'i'\00'o'\00'n'\00\5d
        110 application/x-setupscript `(\0d\0a|;|\5b|\ff\fe)%\5b\00's'\00't'\00'r'\00[\00\28\29IN\5bin]\00'g\#
        '\00's'\00\5d
        110 application/x-setupscript `(\0d\0a|;|\5b|\ff\fe)%\5b\00'v'\00'e'\00'r'\00's'\00'i'\00'o'\00'n'\00\5d
        110 audio/x-mod {21}!SCREAM!
        110 audio/x-mod {21}BMOD2STM
        110 image/png \89PNG
        110 image/x-xcf gimp_xcf
        110 message/rfc822 \23!_rnews
        110 text/x-msdos-batch @[_]*'echo'[_]+'off'
        110 video/x-matroska \1aE\df\a3%B\82{1}matroska
        100 application/bindiff DIFF
        100 application/bplist bplist0?
        100 application/bsdiff BSDIFF
        100 application/chrome-ext Cr24
        100 application/java-archive PK\03\04{1-200}\14\00{2}META-INF/MANIFEST\2eMF
        100 application/map-tile VMP4
        100 application/mshelp ITSF
        100 application/msqm MSQM
        100 application/mssql-bak MSSQLBAK
        100 application/mtf TAPE
        100 application/pkcs7-signature MIME-Version:%protocol=\22application/pkcs7-signature\22
        100 application/skp \ff\fe\ff\0eS\00k\00e\00t\00c\00h\00U\00p\00_\00M\00o\00d\00e\00l\00
        100 application/vnd.google-earth.kmz PK\03\04\14{25}doc\2ekml
        100 application/vnd.ms-tnef x\9f>\22
        100 application/vnd.oasis.opendocument.text-master PK\03\04{22}\08\00\00\00mimetypeapplication/vnd\#
        \2eoasis\2eopendocument\2etext-master
        100 application/vnd.rn-realmedia \2eRMF\00\00\00
        100 application/vnd.tcpdump.pcap \0a\0d\0d\0a{4}(\1a\2b<M|M<\2b\1a)
        100 application/x-ace {7}\2a\2aACE\2a\2a
        100 application/x-blizgame BLTE
        100 application/x-dmg (x\01s\0dbb`|x\dac`\18\05|x\01c`\18\05|x\das\0d|x[\01\da]\ed[\d0-\d9])
        100 application/x-game-mpq MPQ\1a
        100 application/x-gzip \1f\8b
        100 application/x-java-jnlp-file <jnlp_
        100 application/x-kaspavdb KLZF
        100 application/x-kaspavupdate KLD2
        100 application/x-mach-o-executable [\ce\cf]\fa\ed\fe
        100 application/x-mach-o-executable \ca\fe\ba\be{2}\00[\01-\14]
        100 application/x-ms-dds DDS
        100 application/x-setupscript `(\0d\0a|;|\5b|\ff\fe)%\5b%\5b'version'
        100 application/x-tar [\00_-\7e]*100;[_0-9]*7;\00[_0-9]*7;\00[_0-9]*7;\00[_0-9]*11;\00[_0-9]*11;\00[\#
        \00_0-9]*7;[\00_][\000-7]
        100 application/x-vim-tmp b0VIM
        100 application/x-xar xar!
        100 message/news Article
        100 message/rfc822 Pipe_to
        100 text/atom &B&X<('rss'[^>]*xmlns:atom|'feed'[^>]*xmlns=[\22\27]?http://www{1}w3{1}org/2005/Atom[\22\27]?)
        100 text/html &B&X<(!'doctype'[_]+'html'|'html'|'meta'[_]+'http'-'equiv')
        90 application/x-mif <Maker
        90 application/x-quark-xpress-3 {2}MMXPR3
        90 application/x-xz \fd7zXZ\00
        90 image/vnd.dwg (AC[12]\2e|AC10)
        90 text/rss &B&X<'rss'
        90 text/x-xmcd \23_xmcd
        80 application/pdf \25PDF-
        80 application/vnd.fdf \25FDF-
        80 application/vnd.fdo.journal LPKSHHRH{8}[\00-\03]{7}[^\00]*8;[^\00]*8;[^\00]*8;[^\00]*8;[^\00]*8;[^\00]*8;
        80 application/vnd.openxmlformats-officedocument.presentationml.presentation PK\03\04{26}(\5bContent\#
        \5fTypes\5d\2exml|\5frels/\2erels|ppt/)%PK\03\04{26}ppt/
        80 application/vnd.openxmlformats-officedocument.spreadsheetml.sheet PK\03\04{26}(\5bContent\5fTypes\#
        \5d\2exml|\5frels/\2erels|xl/)%PK\03\04{26}xl/
        80 application/vnd.openxmlformats-officedocument.wordprocessingml.document PK\03\04{26}(\5bContent\#
        \5fTypes\5d\2exml|\5frels/\2erels|word/)%PK\03\04{26}word/
        80 application/x-font-ttf \00\01\00\00\00
        80 application/x-lzh {2}-(lh[_0-9a-ex]|lz[2-8s]|lz[2-8s]|pm[0-2s]|pc1)-
        80 application/x-python-bytecode ([\b8\c2\cc\d6\e0\ea\f4\f5\ff]\0b|[\09\13\1d\1f\27;]\0c)\0d\0a
        80 application/x-python-bytecode (\87\c6|[\2a\2d]\ed|[;EYcmw\81\8b\8c\95\9f\a9\b3\c7\d1\db\e5\ef\f9]\#
        \f2|\03\f3)\0d\0a
        80 application/x-python-bytecode (\f8\0c|[\02\0c\16\17]\0d)\0d\0a
        80 application/x-python-bytecode (\fc\c4|\99N)\0d\0a
        80 application/x-python-bytecode [>-B]\0d\0d\0a
        80 application/x-python-bytecode [EO]\0c\0d\0a
        80 application/x-python-bytecode [HIR-U]\0d\0d\0a
        80 application/x-python-bytecode [Xbl]\0c\0d\0a
        80 application/x-python-bytecode [\10-\19]\0e\0d\0a
        80 application/x-python-bytecode [\5c-a]\0d\0d\0a
        80 application/x-python-bytecode [\ac-\cb]\0d\0d\0a
        80 application/x-python-bytecode [\b2\c6\cc\d0\da\e4\ee]\0c\0d\0a
        80 application/x-python-bytecode [\de-\f3]\0d\0d\0a
        80 application/x-python-bytecode [_!\2a-\2d/-3]\0d\0d\0a
        80 application/x-python-bytecode [f-o]\0d\0d\0a
        80 application/x-python-bytecode [v\80\94\9e]\0c\0d\0a
        80 application/x-python-bytecode [z-\a7]\0d\0d\0a
        80 message/news Path:
        80 message/news Xref:
        80 message/rfc822 From:
        80 text/rtf \7b\5crtf
        71 application/ocsp-request {11-19}\06\05\2b\0e\03\02\1a
        71 application/ocsp-response {11-19}\06\09\2b\06\01\05\05\070\01\01
        71 application/x-java-applet \ca\fe\ba\be{3}[\2d-4]
        71 application/x-lzma \5d\00\00
        71 video/mpv \00\00\01\b3
        70 application/chrome-ext-upd CrOD
        70 application/dicom {128}DICM
        70 application/font-woff wOFF
        70 application/font-woff2 wOF2
        70 application/ogg OggS
        70 application/vnd.ms-opentype OTTO
        70 application/vnd.oasis.opendocument.text-web PK\03\04{22}\08\00\00\00mimetypeapplication/vnd\2eoas\#
        is\2eopendocument\2etext-web
        70 application/vnd.symbian.install {8}\19\04\00\10
        70 application/vnd.tcpdump.pcap (\a1\b2\c3\d4|\d4\c3\b2\a1)
        70 application/x-arc [\00-\7f]*2;[\02-\0a\14H]\1a
        70 application/x-archive !?<ar(ch)?>
        70 application/x-dbm (a\15\06\00|\00\06\15a)
        70 application/x-eet \1e\e7\ff\00
        70 application/x-epoc-agenda P\00\00\10m\00\00\10\84\00\00\10
        70 application/x-epoc-app 7\00\00\10t\00\00\10
        70 application/x-epoc-data P\00\00\10m\00\00\10\86\00\00\10
        70 application/x-epoc-jotter P\00\00\10m\00\00\10\ea\0c\00\10
        70 application/x-epoc-opl 7\00\00\10m\00\00\10\85\00\00\10
        70 application/x-epoc-opo 7\00\00\10s\00\00\10
        70 application/x-epoc-sheet 7\00\00\10m\00\00\10\88\00\00\10
        70 application/x-epoc-word 7\00\00\10m\00\00\10\7f\00\00\10
        70 application/x-font-sfn (\04\00\00\00|\00\00\00\04){100}(\04\00\00\00|\00\00\00\04)
        70 application/x-gdbm GDBM
        70 application/x-gdbm \13W\9a\ce
        70 application/x-gdbm \ce\9aW\13
        70 application/x-hdf \0e\03\13\01
        70 application/x-java-jce-keystore \ce\ce\ce\ce
        70 application/x-java-keystore \fe\ed\fe\ed
        70 application/x-lz4 \02!L\18
        70 application/x-lz4 \04\22M\18
        70 application/x-lzip LZIP
        70 application/x-mif <MML
        70 application/x-quicktime-player {4}pckg
        70 application/x-rar Rar!
        70 application/x-rpm (drpm|\ed\ab\ee\db)
        70 application/x-stuffit (SIT!|StuffIt)
        70 application/x-zoo {20}\dc\a7\c4\fd
        70 audio/basic \2esnd{8}\00\00\00\01
        70 audio/basic \2esnd{8}\00\00\00\02
        70 audio/basic \2esnd{8}\00\00\00\03
        70 audio/basic \2esnd{8}\00\00\00\04
        70 audio/basic \2esnd{8}\00\00\00\05
        70 audio/basic \2esnd{8}\00\00\00\06
        70 audio/basic \2esnd{8}\00\00\00\07
        70 audio/m4a {4}ftypm4a
        70 audio/midi MThd
        70 audio/x-adpcm \2esnd{8}\00\00\00\17
        70 audio/x-aiff FORM{4}8SVX
        70 audio/x-aiff FORM{4}AIFC
        70 audio/x-aiff FORM{4}AIFF
        70 audio/x-ape MAC_
        70 audio/x-dec-basic \2esd\00{8}\01\00\00\00
        70 audio/x-dec-basic \2esd\00{8}\02\00\00\00
        70 audio/x-dec-basic \2esd\00{8}\03\00\00\00
        70 audio/x-dec-basic \2esd\00{8}\04\00\00\00
        70 audio/x-dec-basic \2esd\00{8}\05\00\00\00
        70 audio/x-dec-basic \2esd\00{8}\06\00\00\00
        70 audio/x-dec-basic \2esd\00{8}\07\00\00\00
        70 audio/x-dec-basic \2esd\00{8}\17\00\00\00
        70 audio/x-flac fLaC
        70 audio/x-hx-aac-adif ADIF
        70 audio/x-mod IMPM
        70 audio/x-pn-realaudio \2era\fd
        70 audio/x-wav RIFF{4}WAVE
        70 image/gif GIF8
        70 image/jp2 \00\00\00\0cjP__\0d\0a\87\0a{8}jp2_
        70 image/jpm \00\00\00\0cjP__\0d\0a\87\0a{8}jpm_
        70 image/jpx \00\00\00\0cjP__\0d\0a\87\0a{8}jpx_
        70 image/tiff (MM\00[\2a\2b]|II[\2a\2b]\00)
        70 image/vnd.adobe.photoshop 8BPS
        70 image/vnd.djvu AT\26TFORM{4}(DJV[IMU]|THUM)
        70 image/webp RIFF{4}WEBP
        70 image/x-coreldraw RIFF{4}CDR[6A]
        70 image/x-cpi CPC\b2
        70 image/x-cursor \00\00\02\00
        70 image/x-dpx SDPX
        70 image/x-epoc-mbm 7\00\00\10B\00\00\10
        70 image/x-epoc-sketch 7\00\00\10m\00\00\10\7d\00\00\10
        70 image/x-exr v/1\01
        70 image/x-icon \00\00\01\00
        70 image/x-lss16 =\f3\13\14
        70 image/x-niff IIN1
        70 image/x-olympus-orf (IIR[OS]|MMOR)
        70 image/x-paintnet PDN3
        70 image/x-quicktime {4}idsc
        70 image/x-x3f FOVb
        70 image/x-xcursor Xcur
        70 text/x-msdos-batch @'set'[_]+
        70 video/mj2 \00\00\00\0cjP__\0d\0a\87\0a{8}mjp2
        70 video/mp4 {4}ftyp(isom|mp4[12])
        70 video/quicktime {4}(mdat|moov)
        70 video/webm \1aE\df\a3%B\82{1}webm
        70 video/x-jng \8bJNG
        70 video/x-mng \8aMNG
        70 video/x-ms-asf 0\26\b2u
        70 video/x-msvideo RIFF{4}AVI_
        70 video/x-sgi-movie MOVI
        70 x-epoc/x-sisx-app z\1a_\10
        61 application/vnd.google-earth.kml+xml <\3fxml{15}%_xmlns=[\22\27]http://earth{1}google{1}com/kml
        60 application/javascript [\09\0a\0d_]*<'script'[\09_]+('type'|'language')=[\22\27]?('text'/)?'javascript'
        60 application/javascript [\09\0a\0d_]*<script>[\09\0a\0d_]*(var|function)_
        60 application/javascript [\09\0a\0d_]*document\2ewrite(ln)?[\09_]?\28
        60 application/javascript [\09\0a\0d_]*for_\28;;\29;
        60 application/javascript \23![^\0a]*1-15;bin/(env[\09-\0d_]+)?node(js)?
        60 application/javascript \28function\28\29[\09\0a_]*\7b
        60 application/postscript \04\25!
        60 application/vnd.google-earth.kml+xml <\3fxml{15}%_xmlns=[\22\27]http://www{1}opengis{1}net/kml
        60 application/x-bzip2 BZh
        60 application/x-shockwave-flash (F|C|Z)WS
        60 audio/mp4 {4}ftypM4A
        60 audio/x-musepack MP\2b
        60 image/jp2 {4}ftypjp2
        60 text/x-awk \23![^\0a]*1-15;bin/(env[\09-\0d_]+)?(g|n)?awk
        60 text/x-msdos-batch @'rem'
        60 text/x-perl \23![^\0a]*1-15;bin/(env[\09-\0d_]+)?perl
        60 text/x-php \23![^\0a]*1-15;bin/(env[\09-\0d_]+)?php
        60 text/x-python \23![^\0a]*1-15;bin/(env[\09-\0d_]+)?python
        60 text/x-ruby \23![^\0a]*1-15;bin/(env[\09-\0d_]+)?ruby
        60 text/x-tcl \23![^\0a]*1-15;bin/(env[\09-\0d_]+)?(wish|tcl)
        60 video/3gpp {4}ftyp(3g[2egps]|avc1|mmp4)
        60 video/mp4 {4}ftypM4V
        60 video/x-flv FLV
        55 text/x-diff %---_%\0a%\2b\2b\2b_%\0a%@@
        52 image/jpeg \ff\d8
        51 application/x-dosexec MZ
        50 application/marc [0-9]*5;[acdn]w
        50 application/msword \d0\cf\11\e0\a1\b1\1a\e1
        50 application/postscript \25!
        50 application/vnd.ms-fontobject {34}LP
        50 application/vnd.openxmlformats-officedocument PK\03\04\14\00\06\00
        50 application/warc WARC/
        50 application/x-7z-compressed 7z\bc\af\27\1c
        50 application/x-arj `\ea
        50 application/x-compress \1f\9d
        50 application/x-coredump \7fELF[\01\02](\01{10}\04\00|\02{10}\00\04)
        50 application/x-cpio (\c7q|q\c7)
        50 application/x-cpio (q\c7|\c7q)
        50 application/x-dvi \f7\02
        50 application/x-executable \7fELF[\01\02](\01{10}\02\00|\02{10}\00\02)
        50 application/x-gnupg-keyring \99\01
        50 application/x-object \7fELF[\01\02](\01{10}\01\00|\02{10}\00\01)
        50 application/x-pgp-keyring \95\00
        50 application/x-pgp-keyring \95\01
        50 application/x-pgp-keyring \99\00
        50 application/x-sharedlib \7fELF[\01\02](\01{10}\03\00|\02{10}\00\03)
        50 application/x-windows-minidump MDMP
        50 audio/vnd.dolby.dd-raw \0bw
        50 audio/x-hx-aac-adts \ff[\f0\f1\f8\f9]
        50 audio/x-mp4a-latm V[\e0-\ff]
        50 image/jp2 {4}jP
        50 image/x-award-bioslogo \11[\06\09]
        50 image/x-ms-bmp BM{12}[\0c\28@l\7c\80]\00
        50 image/x-portable-pixmap P7
        50 text/PGP \85\02
        50 text/PGP \a6\00
        50 video/mpeg \00\00\01[\b0-\bb]
        50 video/quicktime {4}ftypqt
        50 video/x-flc {4}\12\af
        50 video/x-fli {4}\11\af
        49 application/f4m &B&X<'manifest'[\09\0a\0d_]+xmlns=\22http://ns\2eadobe\2ecom/f4m/
        49 application/soap+xml &B&X<'soap'(-'env')?:'envelope'
        49 application/vnd.ms-outlook !BDN{6}[\0e\0f\15\17][\00-\02]
        49 application/vnd.ms-pol PReg
        49 application/vnd.ms-reg REGEDIT4
        49 application/vnd.ms-reg \ff\feW\00i\00n\00d\00o\00w\00s\00_\00R\00e\00g\00i\00s\00t\00r\00y\00_\00\#
        E\00d\00i\00t\00o\00r\00_\00V\00e\00r\00s\00i\00o\00n\00_\005\00\2e\000\000
        49 application/vnd.ms-regf regf
        49 application/x-ms-shortcut L\00\00\00\01\14\02\00\00\00\00\00\c0\00\00\00\00\00\00F
        49 application/xml-rpc &B&X<'methodresponse'>
        49 text/html &B&X<!'doctype'[_]+'html'
        49 text/x-cross-domain-policy &X<!'doctype'[_]+'cross'-'domain'-'policy'
        49 text/x-cross-domain-policy &X<'cross'-'domain'-'policy'
        49 text/x-lua \23![^\0a]*1-15;bin/(env[\09-\0d_]+)?lua
        43 model/x3d <\3fxml_version=\22{5}%<!DOCTYPE_?X3D
        42 image/x-portable-bitmap %P1[0-9]*1-50;__[0-9]*1-50;
        42 image/x-portable-bitmap P4{1}[0-9]*1-50;__[0-9]*1-50;
        42 image/x-portable-greymap %P2[0-9]*1-50;__[0-9]*1-50;
        42 image/x-portable-greymap P5{1}[0-9]*1-50;__[0-9]*1-50;
        42 image/x-portable-pixmap %P3[0-9]*1-50;__[0-9]*1-50;
        42 image/x-portable-pixmap P6{1}[0-9]*1-50;__[0-9]*1-50;
        41 video/h264 \00\00\00\01[\07\27Gg\87\a7\c7\e7]
        40 application/vnd.cups-raster 3SaR
        40 application/vnd.cups-raster RaS3
        40 application/x-ichitaro4 DOC{40}\14
        40 application/x-ichitaro5 DOC{40}\15
        40 application/x-ichitaro6 DOC{40}\16
        40 application/x-tokyocabinet-btree ToKyO_CaBiNeT\0a{18}\01
        40 application/x-tokyocabinet-fixed ToKyO_CaBiNeT\0a{18}\02
        40 application/x-tokyocabinet-hash ToKyO_CaBiNeT\0a{18}\00
        40 application/x-tokyocabinet-table ToKyO_CaBiNeT\0a{18}\03
        40 text/x-m4 dnl_
        40 text/x-php %<\3fphp
        40 video/mp2t G{187}G{187}G{187}G{187}
        38 image/svg+xml <\3fxml_version=\22[^\00]{3}%<svg
        37 application/x-gnucash <\3fxml_version=\22[^\00]{3}%<gnc-v2
        37 application/xml-sitemap <\3fxml_version=\22[^\00]{3}%<urlset
        37 text/x-php <\3fphp_/\2a_Smarty_version{1}[\2e0-9]+
        37 text/x-po msgid_
        21 video/mp2p \00\00\01\ba[@-\7f\c0-\ff]
        20 audio/mpeg (ID3|\ff[\e2\e3\f2\f3\f6\f7\fa-\fd])
        20 audio/x-mod MAS\5fUTrack\5fV00/0
        20 image/x-award-bmp AWBM
        20 magnus-internal/cold-fusion &P<(CFPARAM|CFSET|CFIF)
        20 text/html &B&X<('head'|'html'|'title'|'body')
        20 text/ini &B[\00\09\0a\0d_]*\5b[^\0a\0d]+\5d[\00\09_]*[\0a\0d]
        10 application/sla solid_
        10 application/x-elc ;ELC[^_-\7f]
        10 application/xml &B&P\00?<\00?\3f\00?x\00?m\00?l\00?_\00?
        10 application/zip PK\03\04{2}
        10 application/zip PK\07\08PK\03\04
        1 application/x-java-pack200 \ca\fe\d0\0d{1}
        1 application/x-lrzip LRZI
        1 application/x-ms-reader ITOLITLS{4}
        1 text/json &B[\09\0a\0d_]*\5b[\09\0a\0d_]*((\22[^\22]+\22|[0-9]+(\2e[0-9]+)?|true|false)[\09\0a\0d_\#
        ]*,|\7b|\5b)[\09\0a\0d_]*
        1 text/json &B[\09\0a\0d_]*\7b[\09\0a\0d_]*(\22[^\22]+\22|[A-Za-z][0-9A-Z\5c\5fa-z]*)[\09\0a\0d_]*:[\#
        \09\0a\0d_]*(\22|\5b|\7b|[0-9]|true|false)
        0 application/vnd.apple-afpinfo AFP
        0 application/x-pem -----BEGIN_CERTIFICATE-----
        -20 text/plain (\ef\bb\bf|(\00\00)?\fe\ff|\ff\fe(\00\00)?)?[\09-\0d_-\7e]*10;
        """#
}
