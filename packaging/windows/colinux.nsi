; SPDX-License-Identifier: GPL-2.0
;
; The installer: programs, driver, start menu, uninstall.  Built by
; packaging/windows/build.mk; FILES is the directory with what goes in.

Unicode true
Target amd64-unicode
!include LogicLib.nsh
!include x64.nsh
!include WinVer.nsh

Name "coLinux"
OutFile "${OUT}"
InstallDir "$PROGRAMFILES64\coLinux"
InstallDirRegKey HKLM "Software\coLinux" "Directory"
RequestExecutionLevel admin
SetCompressor /SOLID lzma
ShowInstDetails show
ShowUninstDetails show
XPStyle on

!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\coLinux"

VIProductVersion "1.0.0.0"
VIAddVersionKey "ProductName" "coLinux for x86-64"
VIAddVersionKey "FileDescription" "coLinux installer"
VIAddVersionKey "FileVersion" "1.0"
VIAddVersionKey "LegalCopyright" "GPL-2.0"

LicenseText "coLinux is free software. A guest's kernel runs in ring 0: its root \
can become this machine's administrator." "Next >"
LicenseData "${FILES}/LICENSE.txt"

Page license
Page components
Page directory
Page instfiles
UninstPage uninstConfirm
UninstPage instfiles

Function .onInit
	${IfNot} ${RunningX64}
		MessageBox MB_ICONSTOP "coLinux needs Windows for x86-64." /SD IDOK
		Abort
	${EndIf}
	${IfNot} ${AtLeastWin2003}
		MessageBox MB_ICONSTOP "coLinux needs Windows XP x64, Server 2003 or later." /SD IDOK
		Abort
	${EndIf}
	SetRegView 64
FunctionEnd

Function un.onInit
	SetRegView 64
FunctionEnd

Section "Programs" SecPrograms
	SectionIn RO
	SetShellVarContext all
	; The driver of an older version must not be in use.
	${If} ${FileExists} "$INSTDIR\colinux.exe"
		nsExec::ExecToLog '"$INSTDIR\colinux.exe" driver remove'
		Pop $0
	${EndIf}
	SetOutPath "$INSTDIR"
	File "${FILES}/colinux.exe"
	File "${FILES}/colinux.sys"
	File "${FILES}/colinux-port.o"
	File "${FILES}/colinux-init"
	File "${FILES}/colinux-agent"
	File "${FILES}/LICENSE.txt"
	File "${FILES}/README.txt"
	File "${FILES}/signing.txt"
	File "${FILES}/example.conf"
	WriteUninstaller "$INSTDIR\uninstall.exe"
	WriteRegStr HKLM "Software\coLinux" "Directory" "$INSTDIR"
	WriteRegStr HKLM "${UNINSTALL}" "DisplayName" "coLinux for x86-64"
	WriteRegStr HKLM "${UNINSTALL}" "DisplayVersion" "1.0"
	WriteRegStr HKLM "${UNINSTALL}" "InstallLocation" "$INSTDIR"
	WriteRegStr HKLM "${UNINSTALL}" "UninstallString" \
		'"$INSTDIR\uninstall.exe"'
	WriteRegDWORD HKLM "${UNINSTALL}" "NoModify" 1
	WriteRegDWORD HKLM "${UNINSTALL}" "NoRepair" 1
SectionEnd

Section "Start menu" SecMenu
	SetShellVarContext all
	CreateDirectory "$SMPROGRAMS\coLinux"
	CreateShortCut "$SMPROGRAMS\coLinux\coLinux command line.lnk" \
		"$SYSDIR\cmd.exe" '/k ""$INSTDIR\colinux.exe" help"'
	CreateShortCut "$SMPROGRAMS\coLinux\Read me.lnk" \
		"$INSTDIR\README.txt"
	CreateShortCut "$SMPROGRAMS\coLinux\Signing the driver.lnk" \
		"$INSTDIR\signing.txt"
	CreateShortCut "$SMPROGRAMS\coLinux\Uninstall.lnk" \
		"$INSTDIR\uninstall.exe"
SectionEnd

; Installed, but not started: that needs a signature (signing.txt).
Section "Driver" SecDriver
	nsExec::ExecToLog '"$INSTDIR\colinux.exe" driver install --no-start'
	Pop $0
	${If} $0 != 0
		DetailPrint "The driver is not installed; see the lines above."
		SetErrors
	${EndIf}
SectionEnd

Section "un.coLinux"
	SetShellVarContext all
	; Guests first: their services need the driver.
	nsExec::ExecToLog '"$INSTDIR\colinux.exe" service remove --all'
	Pop $0
	nsExec::ExecToLog '"$INSTDIR\colinux.exe" driver remove'
	Pop $0
	Delete "$INSTDIR\colinux.exe"
	Delete "$INSTDIR\colinux.sys"
	Delete "$INSTDIR\colinux-port.o"
	Delete "$INSTDIR\colinux-init"
	Delete "$INSTDIR\colinux-agent"
	Delete "$INSTDIR\LICENSE.txt"
	Delete "$INSTDIR\README.txt"
	Delete "$INSTDIR\signing.txt"
	Delete "$INSTDIR\example.conf"
	Delete "$INSTDIR\uninstall.exe"
	; Images and configurations of the user stay, and the directory then.
	RMDir "$INSTDIR"
	Delete "$SMPROGRAMS\coLinux\*.lnk"
	RMDir "$SMPROGRAMS\coLinux"
	DeleteRegKey HKLM "${UNINSTALL}"
	DeleteRegKey HKLM "Software\coLinux"
SectionEnd
