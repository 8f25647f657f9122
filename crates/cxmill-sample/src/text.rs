//! Short texts that customers write, by language and mood.

use crate::words::{Language, Topic};

/// By mood: bad, mixed, good; four wordings each.
type Phrases = [[&'static str; 4]; 3];

const fn openings(language: Language) -> &'static Phrases {
    match language {
        Language::English => &[
            ["It came far too late.", "Nobody could help me.", "I waited and waited.", "It broke after two days."],
            ["It does what it should.", "Fine, but not cheap.", "Good thing, slow service.", "It is all right."],
            ["I love it.", "Quick, friendly, simple.", "Exactly what I was after.", "Better than I had hoped."],
        ],
        Language::Spanish => &[
            ["Llegó demasiado tarde.", "Nadie supo ayudarme.", "Esperé una eternidad.", "Se rompió a los dos días."],
            [
                "Cumple con lo que promete.",
                "Está bien, pero es caro.",
                "Buen producto, servicio lento.",
                "No está mal.",
            ],
            ["Me encanta.", "Rápido, amable y sencillo.", "Justo lo que buscaba.", "Mejor de lo que esperaba."],
        ],
        Language::Italian => &[
            [
                "È arrivato troppo tardi.",
                "Nessuno ha saputo aiutarmi.",
                "Ho aspettato un'eternità.",
                "Si è rotto subito.",
            ],
            ["Fa quello che deve.", "Va bene, ma costa molto.", "Buono, ma il servizio è lento.", "Non c'è male."],
            [
                "Mi piace moltissimo.",
                "Veloce, gentile, semplice.",
                "Proprio quello che cercavo.",
                "Meglio del previsto.",
            ],
        ],
        Language::Swedish => &[
            [
                "Det kom alldeles för sent.",
                "Ingen kunde hjälpa mig.",
                "Jag fick vänta länge.",
                "Den gick sönder direkt.",
            ],
            ["Den gör vad den ska.", "Bra, men inte billig.", "Bra sak, långsam service.", "Helt okej."],
            ["Jag älskar den.", "Snabbt, vänligt och enkelt.", "Precis vad jag sökte.", "Bättre än jag hade hoppats."],
        ],
        Language::French => &[
            [
                "Arrivé beaucoup trop tard.",
                "Personne n'a su m'aider.",
                "J'ai attendu très longtemps.",
                "Cassé au bout de deux jours.",
            ],
            ["Il fait ce qu'il doit.", "Bien, mais pas donné.", "Bon produit, service lent.", "Ça va."],
            ["Je l'adore.", "Rapide, aimable et simple.", "Exactement ce que je cherchais.", "Mieux qu'espéré."],
        ],
    }
}

const fn closings(language: Language) -> &'static Phrases {
    match language {
        Language::English => &[
            ["Never again.", "I want my money back.", "I had hoped for more.", "Please do better."],
            ["We shall see.", "Three stars from me.", "Maybe again, maybe not.", "It will do for now."],
            ["I will be back.", "Thank you!", "My sister wants one too.", "A clear \"yes\" from me."],
        ],
        Language::Spanish => &[
            ["Nunca más.", "Quiero mi dinero.", "Esperaba algo mejor.", "Hay que mejorar."],
            ["Ya veremos.", "Tres estrellas.", "Quizá repita.", "De momento sirve."],
            ["Volveré.", "¡Gracias!", "Mi hermana quiere otro.", "Un \"sí\" rotundo."],
        ],
        Language::Italian => &[
            ["Mai più.", "Rivoglio i miei soldi.", "Mi aspettavo di più.", "Si può fare meglio."],
            ["Vedremo.", "Tre stelle.", "Forse lo ricompro.", "Per ora basta."],
            ["Tornerò.", "Grazie!", "Anche mia sorella ne vuole uno.", "Un \"sì\" convinto."],
        ],
        Language::Swedish => &[
            ["Aldrig mer.", "Jag vill ha pengarna tillbaka.", "Jag hade väntat mig mer.", "Gör bättre."],
            ["Vi får se.", "Tre stjärnor.", "Kanske igen.", "Den duger så länge."],
            ["Jag kommer tillbaka.", "Tack!", "Min syster vill också ha en.", "Ett klart \"ja\"."],
        ],
        Language::French => &[
            ["Plus jamais.", "Je veux être remboursé.", "J'espérais mieux.", "Peut mieux faire."],
            ["On verra.", "Trois étoiles.", "Peut-être à nouveau.", "Cela suffit pour l'instant."],
            ["Je reviendrai.", "Merci !", "Ma sœur en veut un aussi.", "Un grand \"oui\"."],
        ],
    }
}

fn phrase(phrases: &'static Phrases, mood: u8, wording: u8) -> &'static str {
    phrases
        .get(usize::from(mood))
        .and_then(|of_mood| of_mood.get(usize::from(wording % 4)))
        .copied()
        .unwrap_or_default()
}

/// The first sentence of a text. `mood` is 0 (bad), 1 (mixed) or 2 (good).
pub(crate) fn opening(language: Language, mood: u8, wording: u8) -> &'static str {
    phrase(openings(language), mood, wording)
}

/// The last sentence of a text.
pub(crate) fn closing(language: Language, mood: u8, wording: u8) -> &'static str {
    phrase(closings(language), mood, wording)
}

/// The subject line of a ticket.
pub(crate) fn subject(topic: Topic) -> &'static str {
    match topic {
        Topic::Delivery => "Late, again: \"on its way\" for days",
        Topic::Invoice => "Invoice is wrong",
        Topic::Return => "Return, please",
        Topic::Product => "It does not switch on",
        Topic::Account => "Cannot log in, password \"expired\"",
    }
}
