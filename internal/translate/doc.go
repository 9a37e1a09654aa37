// Package translate turns what the user asked for into what FRR shall run: (Snapshot, LastGood) in, frrconf.Config, problems and the
// next LastGood out. Every decision about meaning is made here, by pure functions.
//
// A mistake in one object is a Problem of that object; everything else is translated as if the object, or its last change, were not
// there. The one entry point is Translate; each file holds the rules of one kind. It knows nothing of files, sockets or API servers.
package translate
