# SPDX-License-Identifier: GPL-2.0
#
# The installer for Windows, where makensis (Debian's nsis) is.

NT_SETUP := $(B)/nt/colinux-setup.exe
NT_SETUP_FILES := $(B)/nt/colinux.exe $(B)/host-windows/colinux.sys \
	$(B)/port/port.o $(B)/guest/colinux-init $(B)/guest/colinux-agent \
	$(addprefix packaging/windows/,README.txt signing.txt example.conf)

# Text files get the line ends that Notepad knows.
$(NT_SETUP): packaging/windows/colinux.nsi $(NT_SETUP_FILES)
	@rm -rf $(B)/nt/setup && mkdir -p $(B)/nt/setup
	cp $(B)/nt/colinux.exe $(B)/host-windows/colinux.sys \
		$(B)/guest/colinux-init $(B)/guest/colinux-agent $(B)/nt/setup
	x86_64-w64-mingw32-strip $(B)/nt/setup/colinux.exe
	cp $(B)/port/port.o $(B)/nt/setup/colinux-port.o
	for f in README.txt signing.txt example.conf; do \
		sed 's/$$/\r/' packaging/windows/$$f >$(B)/nt/setup/$$f; done
	sed 's/$$/\r/' /usr/share/common-licenses/GPL-2 \
		>$(B)/nt/setup/LICENSE.txt
	makensis -V2 -NOCD -DOUT=$@ -DFILES=$(B)/nt/setup $<

ifneq ($(WINDOWS_LIBS),)
ifneq ($(shell command -v makensis),)
ALL += $(NT_SETUP)
endif
endif
