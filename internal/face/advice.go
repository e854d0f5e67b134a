package face

// Advice says to the person what to do about one code.
type Advice struct {
	Code QualityCode `json:"code"`
	EN   string      `json:"en"`
	FR   string      `json:"fr"`
}

// advice has a text for every code, in the order in which a person should be told: what hides the face before how it is lit and placed.
var advice = []Advice{
	{FacesMultiple, "Make sure that nobody else is in the picture.", "Veillez à être seul(e) sur l’image."},
	{MouthCovered, "Take off your mask, and keep your hands away from your face.", "Retirez votre masque et n’approchez pas les mains du visage."},
	{Sunglasses, "Take off your sunglasses.", "Retirez vos lunettes de soleil."},
	{Occluded, "Make sure that nothing covers your face, neither hair nor hands nor things.", "Veillez à ce que rien ne cache votre visage : ni cheveux, ni mains, ni objets."},
	{EyesClosed, "Open your eyes and look into the camera.", "Ouvrez les yeux et regardez l’appareil."},
	{NotFrontal, "Hold your head upright and look straight into the camera.", "Tenez la tête droite et regardez l’appareil bien en face."},
	{Cropped, "Move so that your whole face is in the picture.", "Placez-vous de façon que tout votre visage soit sur l’image."},
	{TooSmall, "Come closer to the camera.", "Rapprochez-vous de l’appareil."},
	{TooDark, "Find a place with more light.", "Trouvez un endroit mieux éclairé."},
	{TooBright, "Turn away from the bright light.", "Détournez-vous de la lumière trop vive."},
	{UnevenLight, "Turn to the light, so that both sides of your face are lit alike.", "Tournez-vous vers la lumière pour éclairer également les deux côtés du visage."},
	{LowContrast, "Clean the lens, and keep lamps and windows out of the picture.", "Nettoyez l’objectif et évitez lampes et fenêtres dans l’image."},
	{Blurred, "Hold the camera still and wait until the picture is sharp.", "Tenez l’appareil immobile et attendez que l’image soit nette."},
	{Drawn, "Take a photograph of your face with the camera.", "Prenez une photo de votre visage avec l’appareil."},
	{Grey, "Send a picture in colour.", "Envoyez une image en couleur."},
}

// AdviceOn gives the texts for some codes, what matters most first.
func AdviceOn(codes []QualityCode) []Advice {
	given := []Advice{}
	for _, a := range advice {
		for _, code := range codes {
			if a.Code == code {
				given = append(given, a)
			}
		}
	}
	return given
}
